/**
 * Drives a pair of wrapped v1 plugins and prints, as JSON, what it left behind: the heap along the way, what the maps
 * hold in the end, unhandled rejections, and timers and listeners after disconnect. Argument: how many transfers.
 */
import { createHash } from 'node:crypto'
import { compat } from '@ilp-wrap/compat'
import { handleOf, wrap } from '@ilp-wrap/core'
import { legacyPair, testClock } from '@ilp-wrap/testing'
import { serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'

const unhandled = []
process.on('unhandledRejection', (reason) => unhandled.push(String(reason)))
process.on('uncaughtException', (error) => unhandled.push(String(error)))

const transfers = Number(process.argv[2])
const batch = 1_000
const fulfillment = Buffer.alloc(32, 7)
const executionCondition = createHash('sha256').update(fulfillment).digest()
const fulfill = serializeIlpFulfill({ fulfillment, data: Buffer.alloc(60) })

const clock = testClock()
const { alice, bob } = legacyPair({ clock })
const [from, to] = [alice, bob].map((v1) => wrap(v1, [compat()], { clock }))
let received = 0
// every tenth is never answered
to.registerDataHandler(() => (received++ % 10 === 0 ? new Promise(() => {}) : Promise.resolve(fulfill)))
await Promise.all([from.connect(), to.connect()])

const heap = []
const outcomes = { 13: 0, 14: 0 }
for (let sent = 0; sent < transfers; sent += batch) {
  const packet = serializeIlpPrepare({
    amount: '1',
    destination: 'test.legacy.bob.x',
    executionCondition,
    expiresAt: new Date(clock.now() + 5_000),
    data: Buffer.alloc(60)
  })
  const answers = Array.from({ length: batch }, () => from.sendData(packet))
  await clock.advance(6_000)
  for (const answer of await Promise.all(answers)) outcomes[answer[0]]++
  if ((sent + batch) % (transfers / 10) !== 0) continue
  globalThis.gc()
  heap.push(process.memoryUsage().heapUsed)
}
const { outgoing } = handleOf(from, 'compat')
const { incoming } = handleOf(to, 'compat')
await Promise.all([from.disconnect(), to.disconnect()])
const events = [
  'connect',
  'outgoing_fulfill',
  'outgoing_cancel',
  'incoming_prepare',
  'incoming_transfer',
  'info_change'
]
const listeners = [alice, bob].flatMap((v1) => events.map((event) => v1.listenerCount(event)))

process.stdout.write(
  JSON.stringify({ unhandled, heap, outcomes, left: [outgoing, incoming], timers: clock.pending, listeners })
)
