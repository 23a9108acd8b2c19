// Writes docs/sizes.md from what size-limit measures (.size-limit.js): npm run docs:write. Needs a build. With --check it
// compares: a size may differ by a twentieth, since not all versions of Node compress alike.
// @ts-check
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { packages, root, shown } from './lib/files.js'

const page = join(root, 'docs', 'sizes.md')
const sizeLimit = join(dirname(createRequire(import.meta.url).resolve('size-limit/package.json')), 'bin.js')

/** @type {{ name: string, size: number }[]} */
const measured = JSON.parse(execFileSync(process.execPath, [sizeLimit, '--json'], { cwd: root, encoding: 'utf8' }))
const sizes = new Map(measured.map(({ name, size }) => [name, size]))

/** @param {string} name */
function kilobytes(name) {
  return ((sizes.get(name) ?? Number.NaN) / 1000).toFixed(1)
}

const rows = packages().map(
  ({ manifest: { name } }) => `| \`${name}\` | ${kilobytes(name)} | ${kilobytes(`${name} alone`)} |`
)
const text = `<!-- Made by \`npm run docs:write\` with size-limit. -->

# Sizes

What all exports of a package weigh in a bundle, minified and compressed with Brotli, in kB: with all that it imports (RxJS, ilp-packet and the like; without classic-level, ioredis and prom-client), and by itself. What several packages share is in a bundle once.

| package | with all | by itself |
| --- | ---: | ---: |
${rows.join('\n')}

All packages can be shaken: a bundle that imports only \`wrap\` and \`retry\` from \`ilp-wrap\` weighs ${kilobytes('only `wrap` and `retry` of ilp-wrap')} kB.
`
const formatted = await format(text, { ...(await resolveConfig(page)), filepath: page })

/** @param {string} markdown */
function numbers(markdown) {
  return [...markdown.matchAll(/\d+\.\d/g)].map(([number]) => Number(number))
}

/** @param {string} markdown */
function words(markdown) {
  return markdown.replaceAll(/\d+\.\d/g, '').replaceAll(/ +|-{2,}/g, ' ')
}

if (!process.argv.includes('--check')) {
  writeFileSync(page, formatted)
} else {
  const written = existsSync(page) ? readFileSync(page, 'utf8') : ''
  const now = numbers(formatted)
  const near = numbers(written).every((then, index) => Math.abs((now[index] ?? 0) - then) <= Math.max(0.1, then / 20))
  if (words(written) !== words(formatted) || !near) {
    console.log(`${shown(page)} is not what the packages weigh: npm run docs:write`)
    process.exitCode = 1
  }
}
