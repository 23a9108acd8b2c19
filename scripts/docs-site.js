// Builds the site into docs/dist/site: npm run docs:build [-- --base /path/]. The pages are docs/, the READMEs of the
// packages, and what typedoc says of their sources; a warning of typedoc, or a dead link, ends the build.
// @ts-check
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'vitepress'
import { filesUnder, root } from './lib/files.js'
import { writeApiPages } from './lib/api-pages.js'
import { asset, built, sitePages, withSiteLinks } from './lib/site.js'

const { values } = parseArgs({ options: { base: { type: 'string', default: '/' } } })
const pages = join(built, 'pages')

/** @param {string} path @returns {string} its place among the pages, with a folder to stand in */
function placed(path) {
  const file = join(pages, path)
  mkdirSync(dirname(file), { recursive: true })
  return file
}

rmSync(built, { recursive: true, force: true })
const all = sitePages()
for (const page of all) writeFileSync(placed(page.path), withSiteLinks(page, all))
for (const file of filesUnder(join(root, 'docs'), '.svg')) cpSync(file, placed(asset(file)))
await writeApiPages(join(pages, 'api'))
await build(join(root, 'docs'), { base: values.base })
