/**
 * Runs the benchmark groups, each in a process of its own, and prints their tables: `npm run bench [-- group …]`.
 * Ratios are medians of the paired ratio over 31 alternating rounds of at least 100 ms; they judge nothing.
 */
import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import Table from 'cli-table3'

const groupsUrl = new URL('./groups/', import.meta.url)
const all = readdirSync(groupsUrl)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))

if (process.send !== undefined) {
  const { run } = await import(new URL(`${process.argv[2]}.js`, groupsUrl).href)
  process.send(await run())
  process.disconnect()
} else {
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => !all.includes(name))
  if (unknown.length > 0) {
    process.stderr.write(`Unknown group ${unknown.join(', ')}, expected of ${all.join(', ')}\n`)
    process.exit(2)
  }
  process.stdout.write(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`)
  for (const name of wanted.length > 0 ? wanted : all) {
    process.stdout.write(`\n# ${name}\n`)
    for (const table of await group(name)) print(table)
  }
}

function group(name) {
  return new Promise((resolve, reject) => {
    const child = fork(new URL(import.meta.url), [name], { execArgv: ['--expose-gc'] })
    let tables
    child.once('message', (message) => (tables = message))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0 && tables !== undefined) resolve(tables)
      else reject(new Error(`group ${name} ended with ${code}`))
    })
  })
}

/** A table has a title, and rows as `compare` gives them or `cells` under `head`. */
function print({ title, rows, head, cells }) {
  const table = new Table({
    head: head ?? ['', 'ratio', 'quartiles', 'ns per packet'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right']
  })
  if (cells !== undefined) table.push(...cells)
  else {
    for (const { name, ratio, low, high, ns } of rows) {
      table.push([name, ratio.toFixed(2), `${low.toFixed(2)}–${high.toFixed(2)}`, ns.toFixed(0)])
    }
  }
  process.stdout.write(`${title}\n${table.toString()}\n`)
}
