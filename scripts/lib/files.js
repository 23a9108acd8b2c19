// @ts-check
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of this repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

const skipped = new Set(['node_modules', 'dist', '.git', 'coverage', 'reports'])

/**
 * All files under `directory` whose names end in `suffix`, sorted, none of them installed or built.
 * @param {string} directory
 * @param {string} suffix
 * @returns {string[]}
 */
export function filesUnder(directory, suffix) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesUnder(path, suffix)
      return entry.name.endsWith(suffix) ? [path] : []
    })
    .sort()
}

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, unknown>} [exports]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 */

/**
 * The packages of the workspace: their folders and what their package.json says.
 * @returns {{ directory: string, manifest: Manifest }[]}
 */
export function packages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((directory) => existsSync(join(directory, 'package.json')))
    .map((directory) => ({ directory, manifest: JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) }))
}

/**
 * A path as messages show it: from the root, with slashes.
 * @param {string} path
 * @returns {string}
 */
export function shown(path) {
  return relative(root, path).split(sep).join('/')
}
