/**
 * One of several processes that share the books of an account in Redis: takes packets from its peer, many at a time, and
 * tells its parent what became of them. Arguments: the url of Redis, how many packets, the maximum, a seed.
 */
import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, rejectCode } from '@ilp-wrap/core/packet'
import { redisStore } from '@ilp-wrap/store-redis'
import { Random, fulfill, prepare, rejectPacket } from '@ilp-wrap/testing'
import { pluginClass } from '../../bench/lib/plugins.js'

const [url, packets, maximum, seed] = process.argv.slice(2)
const random = new Random(Number(seed))

const inner = new (pluginClass(rejectPacket('F99')))()
const store = redisStore({ url, timeoutMs: 30_000 })
const plugin = wrap(inner, [balance({ maximum, ledger: store })], { account: 'shared' })
const told = { held: 0, heldCount: 0, fulfilled: 0, refused: 0, other: 0 }
let answer = new Promise(() => undefined)
let underway = 0

plugin.registerDataHandler(async (data) => {
  told.held += Number(prepareAmount(data))
  told.heldCount++
  ended()
  await answer
  return random.below(3) === 0 ? rejectPacket('F99') : fulfill()
})
await plugin.connect()

/** Tells the parent once every packet has come to the host, or was refused. */
function ended() {
  if (--underway === 0) process.send(told)
}

async function take() {
  const amount = 1 + random.below(1000)
  const reply = await inner.receive(prepare({ amount, expiresAt: Date.now() + 60_000 }))
  if (isFulfill(reply)) told.fulfilled += amount
  if (rejectCode(reply) === 'T04') {
    told.refused++
    ended()
  } else if (!isFulfill(reply) && rejectCode(reply) !== 'F99') {
    told.other++
    ended()
  }
}

process.on('message', async (message) => {
  if (message === 'take') {
    underway = Number(packets)
    let go
    answer = new Promise((resolve) => (go = resolve))
    const taken = Promise.all(Array.from({ length: Number(packets) }, take))
    process.once('message', async () => {
      go()
      await taken
      process.send(told)
    })
    return
  }
  if (message !== 'end') return
  await plugin.disconnect()
  await store.close()
  process.disconnect()
})
process.send('ready')
