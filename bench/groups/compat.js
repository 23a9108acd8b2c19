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

/** Each round has a pair of its own: the older shim keeps every transfer for ever, which is not to slow down the other. */
function contenders(drive) {
  const run = (shim) => async (packets) => {
    const from = await pair(shim, async () => fulfill)
    await drive(() => from.sendData(prepare))(packets)
  }
  return Object.fromEntries(Object.entries(shims).map(([name, shim]) => [name, run(shim)]))
}

export async function run() {
  return [
    await memory(),
    { title: 'a prepare and its fulfill, in sequence', rows: await compare('compat()', contenders(inSequence)) },
    { title: 'a prepare and its fulfill, 100 in flight', rows: await compare('compat()', contenders(inFlight)) }
  ]
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
