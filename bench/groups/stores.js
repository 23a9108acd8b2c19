import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { levelStore } from '@ilp-wrap/store-level'
import { ClassicLevel } from 'classic-level'
import { compare, inFlight } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/**
 * What a packet costs whose books are on disk: one hold and one commit, each of which waits for the disk, against two
 * bare writes, as long, that are gathered in the same way. Then how long a store with many accounts takes to open.
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
  const bare = new ClassicLevel(join(directory, 'bare'))
  await bare.open()
  const ledger = levelStore({ location: join(directory, 'store'), sync })
  const BenchPlugin = pluginClass(fulfill)
  const plugin = wrap(new BenchPlugin(), [balance({ maximum: Infinity, ledger })], { account: 'peer' })
  await plugin.connect()
  const put = gathered(bare, sync)
  const prefix = randomUUID()
  const rows = await compare('two bare puts', {
    'two bare puts': inFlight(async (i) => {
      const key = `1/hold/"peer"/${prefix}-${i}`
      await put(key, 'held out 100 1764000000000')
      await put(key, 'committed out 100 1764000000000')
    }),
    'balance() over levelStore()': inFlight(() => plugin.sendData(prepare))
  })
  const fulfilled = (await plugin.sendData(prepare))[0] === fulfill[0]
  if (!fulfilled) throw new Error('the packets were not fulfilled')
  await plugin.disconnect()
  await ledger.close()
  await bare.close()
  await rm(directory, { recursive: true })
  return { title: `level, sync: ${sync}, 100 in flight`, rows }
}

/** Puts that come while a batch is written share the next one. */
function gathered(db, sync) {
  let operations = []
  let next
  let last = Promise.resolve()
  const write = async () => {
    await last
    await new Promise((resolve) => setImmediate(resolve))
    const batch = operations
    operations = []
    last = next
    next = undefined
    await db.batch(batch, { sync })
  }
  return (key, value) => {
    operations.push({ type: 'put', key, value })
    next ??= write()
    return next
  }
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
