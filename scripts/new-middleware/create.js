// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { filesUnder } from '../lib/files.js'

const template = join(dirname(fileURLToPath(import.meta.url)), 'template')

/** @param {string} name in kebab-case */
function camelCase(name) {
  return name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase())
}

/**
 * Makes packages/<name> from the template, a working middleware, and tells the workspace and the umbrella of it.
 * @param {string} root of the repository
 * @param {string} name of the package, in kebab-case
 * @returns {Promise<string[]>} the files that were written, seen from the root
 */
export async function createMiddleware(root, name) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw new Error(`Expected a name in kebab-case, got \`${name}\``)
  const directory = join(root, 'packages', name)
  if (existsSync(directory)) throw new Error(`packages/${name} is there already`)

  const camel = camelCase(name)
  const pascal = camel.charAt(0).toUpperCase() + camel.slice(1)
  const { version } = json(join(root, 'lerna.json'))
  /** @param {string} text */
  const renamed = (text) =>
    text
      .replaceAll('data-limit', name)
      .replaceAll('dataLimit', camel)
      .replaceAll('DataLimit', pascal)
      // the template lies one folder deeper than a package
      .replaceAll('../../../packages/', '../')
      .replaceAll('../../../', '../../')

  /** @type {string[]} */
  const written = []
  /** @param {string} file @param {string} text */
  async function write(file, text) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, await format(text, { ...(await resolveConfig(template)), filepath: file }))
    written.push(relative(root, file))
  }

  for (const file of filesUnder(template, '')) {
    const text = renamed(readFileSync(file, 'utf8'))
    const target = join(directory, renamed(relative(template, file)))
    await write(target, file.endsWith('package.json') ? text.replaceAll('"0.0.0"', JSON.stringify(version)) : text)
  }

  const solution = join(root, 'tsconfig.json')
  await write(solution, withReference(json(solution), `packages/${name}`))

  const umbrella = join(root, 'packages', 'ilp-wrap')
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
