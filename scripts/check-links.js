// Every link of the docs to a file of this repository, and to a heading in one, leads somewhere.
// @ts-check
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pages } from './lib/docs.js'
import { shown } from './lib/files.js'
import { anchor } from './lib/site.js'

/** @param {string} markdown without its blocks of code */
function prose(markdown) {
  return markdown.replaceAll(/^\s*(`{3,})[\s\S]*?^\s*\1\s*$/gm, '')
}

/**
 * The anchors that GitHub gives to the headings of a page.
 * @param {string} file
 */
function anchors(file) {
  const headings = [...prose(readFileSync(file, 'utf8')).matchAll(/^#+\s+(.*)$/gm)]
  return new Set(headings.map(([, text = '']) => anchor(text)))
}

/** @type {string[]} */
const problems = []
for (const file of pages()) {
  for (const [, link = ''] of prose(readFileSync(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue
    const [path = '', heading] = link.split('#')
    const target = path === '' ? file : join(dirname(file), path)
    if (!existsSync(target)) problems.push(`${shown(file)}: ${link} leads nowhere`)
    else if (heading !== undefined && !anchors(target).has(heading)) {
      problems.push(`${shown(file)}: ${link} names no heading`)
    }
  }
}
for (const problem of problems) console.log(problem)
if (problems.length > 0) process.exitCode = 1
