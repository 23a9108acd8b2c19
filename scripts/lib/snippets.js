// @ts-check
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { root, shown } from './files.js'

/**
 * @typedef {object} Snippet
 * @property {string} file the markdown file
 * @property {number} line of its first line of code, counted from 1
 * @property {string} code
 */

const dialects = new Set(['typescript', 'js', 'javascript', 'mjs', 'cjs', 'mts', 'cts', 'tsx', 'jsx'])

/**
 * The ```ts blocks of a markdown text, and what is wrong with its fences.
 * @param {string} file
 * @param {string} markdown
 * @returns {{ snippets: Snippet[], problems: string[] }}
 */
export function readSnippets(file, markdown) {
  /** @type {Snippet[]} */
  const snippets = []
  /** @type {string[]} */
  const problems = []
  /** @type {{ fence: string, line: number, compiled: boolean, code: string[] } | undefined} */
  let open
  for (const [index, text] of markdown.split('\n').entries()) {
    if (open !== undefined) {
      if (text.trim().startsWith(open.fence) && text.trim().replaceAll('`', '') === '') {
        if (open.compiled) snippets.push({ file, line: open.line, code: open.code.join('\n') })
        open = undefined
      } else {
        open.code.push(text)
      }
      continue
    }
    const match = /^\s*(`{3,})\s*([^`]*)$/.exec(text)
    if (match === null) continue
    const [, fence = '', info = ''] = match
    const [language = '', ...words] = info.trim().split(/\s+/)
    const note = words.join(' ')
    const ignored = /^ignore:\s*\S/.test(note)
    if (dialects.has(language) && !ignored) {
      problems.push(`${shown(file)}:${index + 1}: write \`ts\`, which is compiled, or \`${language} ignore: reason\``)
    } else if (language === 'ts' && note !== '' && !ignored) {
      problems.push(`${shown(file)}:${index + 1}: \`ts ${note}\`: write \`ts\`, or \`ts ignore: reason\``)
    }
    open = { fence, line: index + 2, compiled: language === 'ts' && note === '', code: [] }
  }
  if (open !== undefined) problems.push(`${shown(file)}:${open.line - 1}: this block is not closed`)
  return { snippets, problems }
}

/**
 * Compiles each snippet as a module of its own that lies beside its markdown file.
 * @param {Snippet[]} snippets
 * @returns {string[]} the compiler's errors, with the lines of the markdown
 */
export function compileSnippets(snippets) {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.test.json'),
    { moduleDetection: ts.ModuleDetectionKind.Force },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (diagnostic) => fail(diagnostic) }
  )
  if (config === undefined) throw new Error('tsconfig.test.json cannot be read')

  const sources = new Map(
    snippets.map((snippet) => [
      join(dirname(snippet.file), `snippet-${snippet.line}-of-${snippet.file.replaceAll(/[^\w]/g, '-')}.ts`),
      // blank lines in front, so that the compiler counts as the markdown does
      { snippet, text: '\n'.repeat(snippet.line - 1) + snippet.code }
    ])
  )
  const host = ts.createCompilerHost(config.options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (name) => sources.has(name) || fileExists(name)
  host.readFile = (name) => sources.get(name)?.text ?? readFile(name)
  host.getSourceFile = (name, ...rest) => {
    const source = sources.get(name)
    if (source === undefined) return getSourceFile.call(host, name, ...rest)
    return ts.createSourceFile(name, source.text, rest[0], true)
  }

  const program = ts.createProgram({ rootNames: [...sources.keys()], options: config.options, host })
  return [...sources].flatMap(([name, { snippet }]) => {
    const sourceFile = program.getSourceFile(name)
    return [...program.getSyntacticDiagnostics(sourceFile), ...program.getSemanticDiagnostics(sourceFile)].map(
      ({ start = 0, messageText, code }) => {
        const { line, character } = ts.getLineAndCharacterOfPosition(/** @type {ts.SourceFile} */ (sourceFile), start)
        const message = ts.flattenDiagnosticMessageText(messageText, '\n  ')
        return `${shown(snippet.file)}:${line + 1}:${character + 1}: TS${code}: ${message}`
      }
    )
  })
}

/** @param {ts.Diagnostic} diagnostic @returns {never} */
function fail(diagnostic) {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'))
}
