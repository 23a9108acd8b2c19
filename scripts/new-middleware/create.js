// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { filesUnder, root } from '../lib/files.js'

/** That of `ilp-wrap new`, of a package that stands alone. */
const template = join(root, 'packages', 'ilp-wrap', 'template')

/** What stands in its place in this repository: the checks and tools are those of the whole. */
const alone = new Set(['gitignore', 'tsconfig.build.json', 'tsconfig.json'])
const config = {
  extends: '../../tsconfig.base.json',
  compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
  include: ['src'],
  references: [{ path: '../core' }]
}

/** @param {string} name in kebab-case */
function camelCase(name) {
  return name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase())
}

/**
 * Makes packages/<name> from the template, a working middleware, and tells the workspace and the umbrella of it.
 * @param {string} repository its root
 * @param {string} name of the package, in kebab-case
 * @returns {Promise<string[]>} the files that were written, seen from the root
 */
export async function createMiddleware(repository, name) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw new Error(`Expected a name in kebab-case, got \`${name}\``)
  const directory = join(repository, 'packages', name)
  if (existsSync(directory)) throw new Error(`packages/${name} is there already`)

  const camel = camelCase(name)
  const pascal = camel.charAt(0).toUpperCase() + camel.slice(1)
  const { version } = json(join(repository, 'lerna.json'))
  /** @param {string} text */
  const renamed = (text) =>
    text.replaceAll('data-limit', name).replaceAll('dataLimit', camel).replaceAll('DataLimit', pascal)

  /** @type {string[]} */
  const written = []
  /** @param {string} file @param {string} text */
  async function write(file, text) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, await format(text, { ...(await resolveConfig(template)), filepath: file }))
    written.push(relative(repository, file))
  }

  for (const file of filesUnder(template, '').filter((each) => !alone.has(relative(template, each)))) {
    const text = renamed(readFileSync(file, 'utf8'))
    const path = renamed(relative(template, file))
    if (path === 'manifest.json') await write(join(directory, 'package.json'), manifestHere(text, name, version))
    else await write(join(directory, path), text)
  }
  await write(join(directory, 'tsconfig.json'), JSON.stringify(config))

  const solution = join(repository, 'tsconfig.json')
  await write(solution, withReference(json(solution), `packages/${name}`))

  const umbrella = join(repository, 'packages', 'ilp-wrap')
  const manifest = json(join(umbrella, 'package.json'))
  manifest.dependencies = sorted({ ...manifest.dependencies, [`@ilp-wrap/${name}`]: version })
  await write(join(umbrella, 'package.json'), JSON.stringify(manifest))
  await write(join(umbrella, 'tsconfig.json'), withReference(json(join(umbrella, 'tsconfig.json')), `../${name}`))
  const index = join(umbrella, 'src', 'index.ts')
  const exports = [
    `export { ${camel} } from '@ilp-wrap/${name}'`,
    `export type { ${pascal}Options } from '@ilp-wrap/${name}'`
  ]
  await write(index, `${readFileSync(index, 'utf8').trimEnd()}\n${exports.join('\n')}\n`)
  return written
}

/**
 * The template's package.json as the packages here have theirs: with the version of all, and where it is published from.
 * @param {string} text
 * @param {string} name
 * @param {string} version
 */
function manifestHere(text, name, version) {
  const { name: full, description, license, keywords, dependencies, ...rest } = JSON.parse(text)
  const { type, engines, sideEffects, exports, files } = rest
  const url = 'git+https://github.com/ilp-wrap/ilp-wrap.git'
  return JSON.stringify({
    name: full,
    version,
    description,
    license,
    keywords,
    repository: { type: 'git', url, directory: `packages/${name}` },
    type,
    engines,
    sideEffects,
    exports,
    files,
    publishConfig: { access: 'public', provenance: true },
    dependencies: Object.fromEntries(Object.keys(dependencies).map((each) => [each, version]))
  })
}

/** @param {string} file */
function json(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/**
 * With one more reference, before that to the umbrella, which needs all others.
 * @param {{ references: { path: string }[] }} config
 * @param {string} path
 */
function withReference(config, path) {
  const last = config.references.findIndex((reference) => reference.path === 'packages/ilp-wrap')
  config.references.splice(last === -1 ? config.references.length : last, 0, { path })
  return JSON.stringify(config)
}

/** @param {Record<string, string>} record */
function sorted(record) {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
