/**
 * Sends a million packets through one stack, a tenth of them rejected, some failed and some never answered, and prints
 * how far the heap after the last is above that after the first 100,000. Arguments: the stack's name. Needs --expose-gc.
 */
import { wrap } from '@ilp-wrap/core'
import { stacks } from './stacks.js'
import { TrafficPlugin, answer, prepare } from './traffic.js'

const LIFE_MS = 50
const EARLY = 100_000
const LATE = 1_000_000

const inner = new TrafficPlugin()
// a promise that never settles is held by nobody, and what waits for it goes with it
inner.answer = (n) => (n % 1000 === 999 ? new Promise(() => undefined) : answer(n % 99))
const plugin = wrap(inner, stacks[process.argv[2]](), { account: 'alice' })
plugin.registerDataHandler(() => answer(1))
await plugin.connect()

const heapAt = {}
let packet = prepare(LIFE_MS)
for (let i = 1; i <= LATE; i++) {
  if (i % 1000 === 0) {
    packet = prepare(LIFE_MS)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const sent = plugin.sendData(packet).catch(() => undefined)
  const received = inner.dataHandler(packet).catch(() => undefined)
  if (i % 1000 !== 0)
    await Promise.race([Promise.all([sent, received]), new Promise((resolve) => setImmediate(resolve))])
  if (i === EARLY || i === LATE) {
    await new Promise((resolve) => setTimeout(resolve, LIFE_MS * 4))
    globalThis.gc()
    heapAt[i] = process.memoryUsage().heapUsed
  }
}
process.stdout.write(JSON.stringify({ growth: heapAt[LATE] - heapAt[EARLY], heap: heapAt[LATE] }))
process.exit(0)
