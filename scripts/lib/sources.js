// The sources of all packages as the compiler sees them, for the pages that are made of them.
// @ts-check
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { format, resolveConfig } from 'prettier'
import ts from 'typescript'
import { filesUnder, packages, root, shown } from './files.js'

const config = ts.getParsedCommandLineOfConfigFile(join(root, 'tsconfig.test.json'), undefined, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'))
  }
})

const contents = packages().map(({ directory, manifest }) => ({
  name: manifest.name,
  directory,
  paths: filesUnder(join(directory, 'src'), '.ts')
}))

const program = ts.createProgram({
  rootNames: contents.flatMap(({ paths }) => paths),
  options: config?.options ?? {}
})

export const checker = program.getTypeChecker()

/** The packages with what they are written in. */
export const sources = contents.map(({ name, paths }) => ({
  name,
  files: paths.flatMap((path) => program.getSourceFile(path) ?? [])
}))

/**
 * The name of the package that a file of the sources belongs to.
 * @param {ts.SourceFile} file
 */
export function packageOf({ fileName }) {
  return contents.find(({ directory }) =>
    fileName
      .split('/')
      .join(sep)
      .startsWith(directory + sep)
  )?.name
}

/**
 * The members of an interface of core that a file declares, core itself or who adds to it.
 * @param {ts.SourceFile} file
 * @param {string} name
 * @returns {ts.PropertySignature[]}
 */
export function membersOf(file, name) {
  return file.statements.flatMap((statement) => {
    if (ts.isModuleDeclaration(statement)) {
      const added = statement.name.text === '@ilp-wrap/core' && statement.body
      return added && ts.isModuleBlock(added) ? added.statements.flatMap(members) : []
    }
    return packageOf(file) === '@ilp-wrap/core' ? members(statement) : []
  })

  /** @param {ts.Statement} statement */
  function members(statement) {
    return ts.isInterfaceDeclaration(statement) && statement.name.text === name
      ? statement.members.filter(ts.isPropertySignature)
      : []
  }
}

/**
 * What is written above a declaration, in one line.
 * @param {ts.Node} node
 */
export function commentOf(node) {
  const text = ts.getJSDocCommentsAndTags(node).map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? '')
  return text.join(' ').replaceAll(/\s+/g, ' ').trim()
}

/**
 * Everything below a node, itself included.
 * @param {ts.Node} node
 * @returns {Generator<ts.Node>}
 */
export function* nodesIn(node) {
  yield node
  for (const child of childrenOf(node)) yield* nodesIn(child)
}

/** @param {ts.Node} node */
function childrenOf(node) {
  /** @type {ts.Node[]} */
  const children = []
  node.forEachChild((child) => void children.push(child))
  return children
}

/**
 * Writes a page of docs/; with --check it only compares.
 * @param {string} name
 * @param {string} text
 */
export async function writePage(name, text) {
  const page = join(root, 'docs', name)
  const formatted = await format(text, { ...(await resolveConfig(page)), filepath: page })
  if (!process.argv.includes('--check')) {
    writeFileSync(page, formatted)
  } else if (!existsSync(page) || readFileSync(page, 'utf8') !== formatted) {
    console.log(`${shown(page)} is not what the sources say; run \`npm run docs:write\``)
    process.exitCode = 1
  }
}
