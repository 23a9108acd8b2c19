// Every link of the docs to a file of this repository, and to a heading in one, leads somewhere.
// @ts-check
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pages } from './lib/docs.js'
import { shown } from './lib/files.js'

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
  return new Set(
    headings.map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
    )
  )
}

/** @type {string[]} */
const problems = []
for (const file of pages()) {
  for (const [, link = ''] of prose(readFileSync(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? file : join(dirname(file), path)
    if (!existsSync(target)) problems.push(`${shown(file)}: ${link} leads nowhere`)
    else if (anchor !== undefined && !anchors(target).has(anchor)) {
      problems.push(`${shown(file)}: ${link} names no heading`)
    }
  }
}
for (const problem of problems) console.log(problem)
if (problems.length > 0) process.exitCode = 1
