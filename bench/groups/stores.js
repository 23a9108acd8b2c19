import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { levelStore } from '@ilp-wrap/store-level'
import { compare } from '../lib/measure.js'

/**
 * What a packet costs whose books are on disk: one hold and one commit, each of which waits for the disk, against two
 * bare writes, as long, that are gathered in the same way, each in a process of its own. Then how long a store with many
 * accounts takes to open.
 *
 * Each store has a section: a function that gives its tables.
 */
export async function run() {
  return [...(await level())]
}

// --------------------------------------------------------------------------------------------------------------- level

const ACCOUNTS = 100_000

async function level() {
  return [await levelPackets(true), await levelPackets(false), await levelAccounts()]
}

async function levelPackets(sync) {
  const directory = await mkdtemp(join(tmpdir(), 'ilp-wrap-bench-'))
  const bare = await contender('bare', join(directory, 'bare'), sync)
  const books = await contender('balance', join(directory, 'books'), sync)
  const runs = { 'two bare puts': bare.run, 'balance() over levelStore()': books.run }
  const rows = await compare('two bare puts', runs, { rounds: 5, minMs: 3000 })
  for (const { child } of [bare, books]) {
    child.kill()
    await once(child, 'exit')
  }
  await rm(directory, { recursive: true })
  return { title: `level, sync: ${sync}, 100 in flight`, rows }
}

/** A process that runs as many packets as it is told. */
async function contender(name, directory, sync) {
  const child = fork(new URL('../children/level.js', import.meta.url), [name, directory, String(sync)])
  const told = () =>
    new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`The process of ${name} has ended`))
      child.once('exit', gone)
      child.once('message', () => {
        child.off('exit', gone)
        resolve()
      })
    })
  await told()
  const run = async (packets) => {
    const done = told()
    child.send(packets)
    await done
  }
  return { child, run }
}

async function levelAccounts() {
  const directory = await mkdtemp(join(tmpdir(), 'ilp-wrap-bench-'))
  const names = Array.from({ length: ACCOUNTS }, (_, i) => `account-${i}`)
  const made = levelStore({ location: directory, sync: false })
  await Promise.all(names.map(async (name) => (await made.open(name)).move('opening balance', 1n, 'adjust')))
  await made.close()
  const store = levelStore({ location: directory })
  const start = performance.now()
  await store.open(names[0])
  const first = performance.now() - start
  for (const name of names) await store.open(name)
  const all = performance.now() - start
  await store.close()
  await rm(directory, { recursive: true })
  return {
    title: `level, ${ACCOUNTS} accounts`,
    head: ['', 'ms'],
    cells: [
      ['until the first account is open', first.toFixed(0)],
      ['until all are, one after the other', all.toFixed(0)]
    ]
  }
}
