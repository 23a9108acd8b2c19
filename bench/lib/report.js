import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { format, resolveConfig } from 'prettier'
import { barChart } from './chart.js'
import { promises } from './promises.js'

/**
 * A table has a title, and rows as `compare` gives them, or `cells` under `head`.
 * @typedef {{ title: string, rows?: import('./measure.js').Row[], head?: string[], cells?: string[][] }} ResultTable
 */

const HEAD = ['', 'ratio', 'quartiles', 'ns per packet']

/** @param {ResultTable} table */
function linesOf({ rows, head = HEAD, cells }) {
  const lines =
    cells ??
    rows.map(({ name, ratio, low, high, ns }) => [
      name,
      ratio.toFixed(2),
      `${low.toFixed(2)}–${high.toFixed(2)}`,
      ns.toFixed(0)
    ])
  return { head, lines }
}

/** For a terminal. @param {ResultTable} table */
export function text(table) {
  const { head, lines } = linesOf(table)
  const drawn = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right'))
  })
  drawn.push(...lines)
  return `${table.title}\n${drawn.toString()}`
}

/** @param {ResultTable} table */
function markdown(table) {
  const { head, lines } = linesOf(table)
  const row = (cells) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'))
  return `### ${table.title}\n\n${[head, rule, ...lines].map(row).join('\n')}\n`
}

const OTHERS = [
  'ilp-connector',
  'ilp-compat-plugin',
  'cockatiel',
  'koa-compose',
  'undici',
  'p-queue',
  'rxjs',
  'ioredis'
]

function versions() {
  const require = createRequire(import.meta.url)
  const version = (name) => require(fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url)))
  return OTHERS.map((name) => `${name} ${version(name).version}`).join(', ')
}

/** Leaves the figures, a page of their tables and a chart in docs/benchmarks. */
export async function writePages(measured) {
  const folder = new URL('../../docs/benchmarks/', import.meta.url)
  const before = JSON.parse(readFileSync(new URL('results.json', folder), 'utf8'))
  const stays = ['date', 'node', 'machine'].every((name) => before[name] === measured[name])
  const groups = Object.entries({ ...(stays && before.groups), ...measured.groups })
  const result = { ...measured, groups: Object.fromEntries(groups.sort(([a], [b]) => (a < b ? -1 : 1))) }
  const write = async (name, content) => {
    const file = fileURLToPath(new URL(name, folder))
    writeFileSync(file, await format(content, { ...(await resolveConfig(file)), filepath: file }))
  }
  await write('results.json', JSON.stringify({ ...result, versions: versions() }))
  await write('index.md', page(result))
  const bars = result.groups.recommended?.find(({ title }) => title.startsWith('outgoing, 100 in flight'))
  if (bars !== undefined) writeFileSync(new URL('outgoing.svg', folder), barChart(bars))
}

function page({ date, node, machine, groups }) {
  const parts = Object.entries(groups).map(
    ([name, tables]) => `## ${name}\n\n${tables.map((table) => markdown(table)).join('\n')}`
  )
  const kept = promises.map(({ group, table, row, over, atMost, atLeast }) => {
    const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
    return `| ${group} | ${table} | ${row}${over === undefined ? '' : ` / ${over}`} | ${bound} |`
  })
  return `<!-- Made by \`npm run bench -- --write\`. -->

# Benchmarks

Measured on ${date} with Node ${node} on ${machine}; ${versions()}. Each group runs in a process of its own, its
contenders in turn, round by round. A ratio is the median over the rounds of a contender's time divided by that of the
table's first row in the same round, with its quartiles; times are medians. Ratios hold on other machines, times do not.

![What a packet costs, outgoing](outgoing.svg)

## Promises

\`npm run bench -- --check\` fails when one of these is missed by more than a tenth.

| group | table | ratio | promised |
| --- | --- | --- | --- |
${kept.join('\n')}

${parts.join('\n')}`
}
