// @ts-check
import { join } from 'node:path'
import { filesUnder, root } from './files.js'

/**
 * All pages of the docs.
 * @returns {string[]}
 */
export function pages() {
  return [
    ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md'].map((name) => join(root, name)),
    ...['packages', 'docs', 'bench', 'examples', 'scripts'].flatMap((directory) =>
      filesUnder(join(root, directory), '.md').filter((file) => !file.endsWith('CHANGELOG.md'))
    )
  ]
}
