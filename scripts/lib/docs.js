// @ts-check
import { join, sep } from 'node:path'
import { filesUnder, root } from './files.js'

/** A page of what is made here, not of what is: `ilp-wrap new` copies it. */
const template = join(root, 'packages', 'ilp-wrap', 'template') + sep

/**
 * All pages of the docs.
 * @returns {string[]}
 */
export function pages() {
  return [
    ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md'].map((name) => join(root, name)),
    ...['packages', 'docs', 'bench', 'examples', 'scripts'].flatMap((directory) =>
      filesUnder(join(root, directory), '.md').filter(
        (file) => !file.endsWith('CHANGELOG.md') && !file.startsWith(template)
      )
    )
  ]
}
