// What the site is made of: which files become pages, where they stand, and what the API pages describe.
// @ts-check
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { filesUnder, packages, root, shown } from './files.js'

/** Where the source of the site is: what is no page of it is shown there. */
export const repository = 'https://github.com/ilp-wrap/ilp-wrap'

/** What the build of the site leaves: `pages`, the markdown put together, and `site`, what is served. */
export const built = join(root, 'docs', 'dist')

/**
 * @typedef {object} Page
 * @property {string} file the markdown file in this repository
 * @property {string} path where it stands on the site, with slashes, ending in .md
 * @property {string} title its first heading
 */

/**
 * All pages but those of the API: the README is the first, what is in docs/ stands beside it.
 * @returns {Page[]}
 */
export function sitePages() {
  const top = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md'].map((name) => join(root, name))
  return [
    ...top.filter((file) => existsSync(file)),
    ...filesUnder(join(root, 'docs'), '.md'),
    ...packages()
      .map(({ directory }) => join(directory, 'README.md'))
      .filter((file) => existsSync(file))
  ].map((file) => {
    const path = shown(file)
      .replace(/^docs\//, '')
      .replace(/README\.md$/, 'index.md')
      .replaceAll('_', '-')
      .toLowerCase()
    return { file, path, title: /^# (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? path }
  })
}

/**
 * The modules that users import, each with the source that describes it.
 * @returns {{ name: string, file: string, path: string }[]}
 */
export function apiModules() {
  return packages()
    .flatMap(({ directory, manifest }) =>
      Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
        const source =
          typeof target === 'object' && target !== null ? Reflect.get(target, '@ilp-wrap/source') : undefined
        const name = posix.join(manifest.name, subpath)
        return source === undefined ? [] : [{ name, file: join(directory, source), path: `api/${name}.md` }]
      })
    )
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/**
 * The markdown of a page with its links turned to where things are on the site: pages to pages, pictures to what is
 * copied beside them, other files of the repository to the place where it is public.
 * @param {Page} page
 * @param {Page[]} pages
 * @returns {string}
 */
export function withSiteLinks(page, pages) {
  const places = new Map(pages.map(({ file, path }) => [file, path]))
  let fence = ''
  return readFileSync(page.file, 'utf8')
    .split('\n')
    .map((line) => {
      const [, marks = ''] = /^\s*(`{3,})/.exec(line) ?? []
      if (marks !== '') fence = fence === '' ? marks : marks.startsWith(fence) ? '' : fence
      if (marks !== '' || fence !== '') return line
      return line.replaceAll(/\]\(([^)\s]+)\)/g, (all, /** @type {string} */ link) => {
        if (/^[a-z]+:|^#/.test(link)) return all
        const [target = '', anchor] = link.split('#')
        return `](${place(join(dirname(page.file), target))}${anchor === undefined ? '' : `#${anchor}`})`
      })
    })
    .join('\n')

  /** @param {string} target */
  function place(target) {
    const file = existsSync(target) && statSync(target).isDirectory() ? join(target, 'README.md') : target
    const path = places.get(file) ?? (isAsset(file) ? asset(file) : undefined)
    if (path === undefined) return `${repository}/blob/main/${shown(target)}`
    const link = posix.relative(posix.dirname(page.path), path)
    return link.startsWith('.') ? link : `./${link}`
  }
}

/** @param {string} file */
function isAsset(file) {
  return file.endsWith('.svg') && shown(file).startsWith('docs/')
}

/**
 * Where a picture stands on the site.
 * @param {string} file
 */
export function asset(file) {
  return relative(join(root, 'docs'), file).split(sep).join('/')
}

/**
 * The anchor that GitHub gives to a heading.
 * @param {string} text
 * @returns {string}
 */
export function anchor(text) {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
