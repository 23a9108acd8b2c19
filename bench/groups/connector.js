import { recommended, wrap } from 'ilp-wrap'
import { BUILT_IN, connectorOf } from '../../test/connector/app.js'
import { compare, inFlight, inSequence } from '../lib/measure.js'
import { fulfill, uniquePrepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/**
 * What a whole forward through ilp-connector costs: a packet comes in at one account, is routed and goes out at another,
 * and its answer comes back. With all of its own middleware, with ours on both accounts in their stead, and with none.
 * The limits are so wide that nothing is refused, and no packet is like another, so that all are forwarded.
 */

const wide = 1_000_000_000
const most = '1'.padEnd(30, '0')

/** What its own middleware are told of each account; those that are not told anything do nothing. */
const settings = {
  rateLimit: { capacity: wide, refillCount: wide, refillPeriod: 1000 },
  maxPacketAmount: most,
  throughput: { incomingAmount: most, outgoingAmount: most, refillPeriod: 1000 },
  balance: { maximum: most, minimum: `-${most}` }
}

const limits = { capacity: wide, refillCount: wide, refillMs: 1000 }
const perTime = { amount: most, refillMs: 1000 }

/** All that `recommended` has, with the same limits, in both directions; only the logs are off, as the connector's are. */
const whole = {
  rateLimit: { incoming: limits, outgoing: limits },
  maxPacketAmount: { maximum: most },
  throughput: { incoming: perTime, outgoing: perTime },
  balance: { maximum: most, minimum: `-${most}` },
  logging: false
}

/** Of that what the connector's own do, in the directions that they act on. */
const same = {
  ...whole,
  rateLimit: { incoming: limits, outgoing: false },
  maxPacketAmount: { maximum: most, outgoing: false },
  dedupe: { incoming: false },
  expire: { incoming: false },
  validateFulfillment: { incoming: false },
  retry: false,
  circuitBreaker: false,
  concurrency: false
}

const none = { settings: { disableMiddleware: BUILT_IN } }

const contenders = {
  'ilp-connector with ours': [none, (plugin) => ({ plugin: wrap(plugin, recommended(whole)) })],
  'ilp-connector with ours, the same jobs': [none, (plugin) => ({ plugin: wrap(plugin, recommended(same)) })],
  'ilp-connector with its own': [{ own: true }, (plugin) => ({ plugin, ...settings })],
  'ilp-connector with neither': [none, (plugin) => ({ plugin })]
}

/** A forward is long, and its own dedupe fills the memory, so that each collection of garbage is long, too. */
const ROUNDS = 15

export async function run() {
  const sends = {}
  for (const [name, [options, account]] of Object.entries(contenders)) {
    // an account each has a class of its own
    const [from, to] = [new (pluginClass(fulfill))(), new (pluginClass(fulfill))()]
    const connector = connectorOf({ from: account(from), to: account(to) }, options)
    await connector.listen()
    sends[name] = async () => {
      const answer = await from.receive(uniquePrepare('test.connector.to'))
      if (answer[0] !== 13) throw new Error(`the packet was not fulfilled: ${answer.toString('latin1')}`)
    }
  }
  const [ours] = Object.keys(contenders)
  const tables = []
  for (const [how, drive] of [
    ['in sequence', inSequence],
    ['100 in flight', inFlight]
  ]) {
    const runs = Object.fromEntries(Object.entries(sends).map(([name, send]) => [name, drive(send)]))
    tables.push({ title: `a whole forward, ${how}`, rows: await compare(ours, runs, { rounds: ROUNDS }) })
  }
  return tables
}
