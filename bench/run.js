/**
 * Runs the benchmark groups, each in a process of its own, and prints their tables:
 *
 *   npm run bench -- [group …] [--json] [--write] [--check]
 *
 * Ratios are medians of the paired ratio over alternating rounds, 31 of at least 100 ms as a rule. `--json` prints all as
 * JSON; `--write` leaves it in docs/benchmarks, with a page and a chart, where other groups stay that the same machine has
 * measured on the same day; `--check` ends with 1 if a ratio that docs/benchmarks/promises.json names is missed by more
 * than a tenth. Without it nothing is judged.
 */
import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { judge, promises } from './lib/promises.js'
import { text, writePages } from './lib/report.js'

const groupsUrl = new URL('./groups/', import.meta.url)
const all = readdirSync(groupsUrl)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length))

if (process.send !== undefined) {
  const { run } = await import(new URL(`${process.argv[2]}.js`, groupsUrl).href)
  // peers leave timers behind, ilp-connector's dedupe among them
  process.send(await run(), () => process.exit())
} else await main()

async function main() {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean' }, write: { type: 'boolean' }, check: { type: 'boolean' } },
    allowPositionals: true
  })
  const unknown = positionals.filter((name) => !all.includes(name))
  if (unknown.length > 0) {
    process.stderr.write(`Unknown group ${unknown.join(', ')}, expected of ${all.join(', ')}\n`)
    process.exitCode = 2
    return
  }
  const promised = all.filter((name) => promises.some(({ group }) => group === name))
  const wanted = positionals.length > 0 ? positionals : values.check && !values.write ? promised : all
  const print = values.json ? () => undefined : (line) => process.stdout.write(`${line}\n`)
  const result = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    groups: {}
  }
  print(`Node ${result.node}, ${result.machine}`)
  for (const name of wanted) {
    print(`\n# ${name}`)
    result.groups[name] = await group(name)
    for (const table of result.groups[name]) print(text(table))
  }
  if (values.json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
  if (values.write) await writePages(result)
  if (!values.check) return
  const verdicts = judge(result.groups)
  for (const { line } of verdicts) process.stderr.write(`${line}\n`)
  if (verdicts.some(({ kept }) => !kept)) process.exitCode = 1
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
