/**
 * Carries packets both ways over a BTP link, with its books in a store, until it is killed. What its host is given for a
 * packet is written to descriptor 3, a line with the amount: each packet has an amount of its own.
 * Arguments: the store's kind and its options as JSON, the port, the seed, the first amount.
 */
import { writeSync } from 'node:fs'
import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { isFulfill } from '@ilp-wrap/core/packet'
import { expire } from '@ilp-wrap/expire'
import { retry } from '@ilp-wrap/retry'
import { levelStore } from '@ilp-wrap/store-level'
import { redisStore } from '@ilp-wrap/store-redis'
import { Random, fulfill, prepare, rejectPacket } from '@ilp-wrap/testing'
import PluginBtp from 'ilp-plugin-btp'

const stores = { level: levelStore, redis: redisStore }

const IN_FLIGHT = 20
const LIFE_MS = 30_000

const [kind, options, port, seed, first] = process.argv.slice(2)
const random = new Random(Number(seed))
const ledger = stores[kind](JSON.parse(options))
const inner = new PluginBtp({ server: `btp+ws://:secret@127.0.0.1:${port}` })
const plugin = wrap(inner, [expire(), retry(), balance({ maximum: Infinity, ledger })], { account: 'peer' })

/** A host takes its time, now and then. */
async function pause() {
  if (random.below(4) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(10)))
}

plugin.registerDataHandler(async () => {
  await pause()
  return random.below(10) === 0 ? rejectPacket('F99') : fulfill()
})
await plugin.connect()

let amount = Number(first)
async function send() {
  for (;;) {
    const sent = amount++
    const answer = await plugin.sendData(prepare({ amount: sent, expiresAt: Date.now() + LIFE_MS }))
    if (isFulfill(answer)) writeSync(3, `${sent}\n`)
    await pause()
  }
}
for (let i = 0; i < IN_FLIGHT; i++) void send()
