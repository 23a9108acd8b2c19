import { compat } from '@ilp-wrap/compat'
import { handleOf, wrap } from '@ilp-wrap/core'
import { legacyPair } from '@ilp-wrap/testing'
import convert from 'ilp-compat-plugin'
import { serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'
import { compare, inFlight, inSequence } from '../lib/measure.js'
import { fulfillment, prepare } from '../lib/packets.js'

/** One prepare from host to host over two v1 plugins, against the shim that was there before. */

const TRANSFERS = 200_000
const MEGABYTE = 2 ** 20

const fulfill = serializeIlpFulfill({ fulfillment, data: Buffer.alloc(60) })

const shims = {
  'compat()': (v1) => wrap(v1, [compat()]),
  'ilp-compat-plugin 2.0.3': (v1) => convert(v1)
}

/** Two v1 plugins, each under a shim; what is sent on the one is handled on the other. */
async function pair(shim, handler) {
  const { alice, bob } = legacyPair()
  await Promise.all([alice.connect(), bob.connect()])
  const [from, to] = [shim(alice), shim(bob)]
  to.registerDataHandler(handler)
  return from
}

/** Long enough for the code to be warm again after the collection of garbage that each round begins with. */
const ROUND = { minMs: 400 }

export async function run() {
  const tables = [await memory()]
  const ends = {}
  for (const [name, shim] of Object.entries(shims)) ends[name] = await pair(shim, async () => fulfill)
  for (const [how, drive] of [
    ['in sequence', inSequence],
    ['100 in flight', inFlight]
  ]) {
    const contenders = Object.fromEntries(
      Object.entries(ends).map(([name, from]) => [
        name,
        async (packets) => {
          await drive(() => from.sendData(prepare))(packets)
          // the older shim keeps every transfer for ever, which is not to slow down the other
          if (from.transfers !== undefined) from.transfers = {}
        }
      ])
    )
    tables.push({ title: `a prepare and its fulfill, ${how}`, rows: await compare('compat()', contenders, ROUND) })
  }
  return tables
}

/** Every tenth transfer is never answered: it ends at its expiry. */
async function memory() {
  let count = 0
  const from = await pair(shims['compat()'], () =>
    count++ % 10 === 0 ? new Promise(() => {}) : Promise.resolve(fulfill)
  )
  const cells = []
  for (let sent = 0; sent < TRANSFERS;) {
    const expiresAt = Date.now() + 2_000
    const packet = serializeIlpPrepare({
      amount: '100',
      destination: 'g.bench.peer.account',
      executionCondition: CONDITION,
      expiresAt: new Date(expiresAt),
      data: Buffer.alloc(60)
    })
    const batch = []
    for (let i = 0; i < 1_000; i++, sent++) batch.push(from.sendData(packet))
    // all that is answered is, before the next thousand are sent; the rest waits for its expiry
    await Promise.race([Promise.all(batch), new Promise((resolve) => setImmediate(resolve))])
    if (sent % (TRANSFERS / 10) !== 0) continue
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, expiresAt + 1_100 - Date.now())))
    globalThis.gc()
    const { outgoing } = handleOf(from, 'compat')
    cells.push([String(sent), (process.memoryUsage().heapUsed / MEGABYTE).toFixed(2), String(outgoing)])
  }
  return {
    title: `heap over ${TRANSFERS} transfers, a tenth of them never answered`,
    head: ['transfers', 'heap in MiB', 'left in the map'],
    cells
  }
}

const CONDITION = prepare.subarray(prepare.indexOf('g.bench') - 33, prepare.indexOf('g.bench') - 1)
