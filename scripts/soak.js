// The long run: the model of two ends with more seeds and longer courses than CI has time for, the demo over many seeds,
// and processes that are killed over and over while their books are in a store.
// npm run soak -- [--seeds 10] [--steps 20000] [--demos 50] [--kills 200] [--write]; with --write, docs/soak.md is made
// anew.
// @ts-check
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { root } from './lib/files.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    steps: { type: 'string', default: '20000' },
    demos: { type: 'string', default: '50' },
    kills: { type: 'string', default: '200' },
    write: { type: 'boolean', default: false }
  }
})
const report = join(root, 'reports', 'soak.jsonl')
const crashReport = join(root, 'reports', 'soak-crashes.jsonl')
const page = join(root, 'docs', 'soak.md')

/**
 * @typedef {object} Seed
 * @property {number} seed
 * @property {number} steps
 * @property {number} packets
 * @property {Record<string, number>} events
 */

/** @typedef {import('../test/crash/course.js').CrashReport & { store: string }} Crashes */

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @param {'inherit' | 'pipe'} stdout
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function run(command, args, env, stdout) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', stdout, 'inherit']
    })
    let output = ''
    child.stdout?.on('data', (chunk) => (output += String(chunk)))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** @returns {Promise<Seed[] | undefined>} */
async function model() {
  mkdirSync(join(root, 'reports'), { recursive: true })
  rmSync(report, { force: true })
  const { code } = await run(
    'npx',
    ['vitest', 'run', 'test/money-model.test.ts'],
    { ILP_WRAP_SOAK_SEEDS: values.seeds, ILP_WRAP_SOAK_STEPS: values.steps, ILP_WRAP_SOAK_REPORT: report },
    'inherit'
  )
  if (code !== 0 || !existsSync(report)) return undefined
  return linesOf(report)
}

/**
 * @param {string} path
 * @returns {any[]}
 */
function linesOf(path) {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/**
 * The seeds with which the demo did not end well.
 * @returns {Promise<number[]>}
 */
async function demos() {
  /** @type {number[]} */
  const failed = []
  for (let seed = 1; seed <= Number(values.demos); seed++) {
    const args = [join('packages', 'ilp-wrap', 'dist', 'bin.js'), 'demo', '--seed', String(seed), '--json']
    const { code, output } = await run(process.execPath, args, {}, 'pipe')
    console.log(
      `demo ${seed}: ${code === 0 ? 'every unit once, balances agree' : `failed (${String(code)})\n${output}`}`
    )
    if (code !== 0) failed.push(seed)
  }
  return failed
}

/** The tests that kill processes, one for each kind of store. */
const CRASHES = ['test/crash-level.test.ts']

/**
 * How the courses of kills went, as `CrashReport` of test/crash/course.ts has it; undefined when one failed.
 * @returns {Promise<(Crashes)[] | undefined>}
 */
async function crashes() {
  rmSync(crashReport, { force: true })
  const { code } = await run(
    'npx',
    ['vitest', 'run', ...CRASHES],
    { ILP_WRAP_SOAK_KILLS: values.kills, ILP_WRAP_SOAK_REPORT: crashReport },
    'inherit'
  )
  return code === 0 ? linesOf(crashReport) : undefined
}

/** @param {(Crashes)[]} reports */
function crashText(reports) {
  const rows = reports.map(
    (of) =>
      `| ${of.store} | ${of.kills} | ${of.passedToPeer} + ${of.passedToHost} | ` +
      `${of.unconfirmed} (${of.unconfirmedPassed}) | ${of.lost} (${of.lostFulfilled}) | ${of.expired} |`
  )
  return `
## Kills

A process carries packets both ways over a BTP link and is killed at random points (\`test/crash\`). After each kill,
each fulfill that was passed on was booked exactly once; what else was booked was listed as unconfirmed; what the lists
named was all that the two ends differed by, to the unit.

| store | kills | fulfills passed to the peer + to the host | listed as unconfirmed (of them passed on) | lost holds listed (of them fulfilled) | expired and named |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

/**
 * @param {Seed[]} seeds
 * @param {number} seconds
 */
function text(seeds, seconds) {
  const sum = (/** @type {(seed: Seed) => number} */ of) => seeds.reduce((total, seed) => total + of(seed), 0)
  const types = [...new Set(seeds.flatMap(({ events }) => Object.keys(events)))].sort()
  const rows = types.map((type) => `| \`${type}\` | ${sum(({ events }) => events[type] ?? 0)} |`)
  return `<!-- Made by \`npm run soak -- --write\`. -->

# The long run

Two ends over a link with chaos, driven step by step (\`test/money-model.test.ts\`): ${seeds.length} seeds,
${sum(({ steps }) => steps)} steps, ${sum(({ packets }) => packets)} packets, in ${Math.round(seconds)} s. After each
step both ends had what a trivial ledger had; no bound was passed; at the end of each course the two balances added up to
what events had named, to the unit. The demo paid 1,000,000 units with each of ${values.demos} seeds: every unit arrived
once, and the balance of one end was the exact negative of the other.

| event | times |
| --- | --- |
${rows.join('\n')}
`
}

const start = performance.now()
const seeds = await model()
const seconds = (performance.now() - start) / 1000
const failed = await demos()
const kills = await crashes()
if (seeds === undefined) console.log('the model failed')
if (kills === undefined) console.log('a process that was killed left books that do not agree')
if (failed.length > 0) console.log(`the demo failed with the seeds ${failed.join(', ')}`)
if (seeds === undefined || failed.length > 0 || kills === undefined) {
  process.exitCode = 1
} else if (values.write) {
  writeFileSync(
    page,
    await format(text(seeds, seconds) + crashText(kills), { ...(await resolveConfig(page)), filepath: page })
  )
}
