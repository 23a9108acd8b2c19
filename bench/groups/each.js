import {
  balance,
  circuitBreaker,
  concurrency,
  dedupe,
  errorToReject,
  expire,
  logging,
  maxPacketAmount,
  metrics,
  rateLimit,
  retry,
  throughput,
  validateFulfillment,
  wrap
} from 'ilp-wrap'
import { WAYS, compare } from '../lib/measure.js'
import { distinctPrepares, fulfill } from '../lib/packets.js'
import { ends, pluginClass } from '../lib/plugins.js'

/** What each middleware costs by itself. The limits are so wide that nothing is refused, and no packet is like another. */

const most = 2n ** 63n
const rates = { capacity: 1e9, refillCount: 1e9, refillMs: 1000 }
const perTime = { amount: most, refillMs: 1000 }

const middleware = {
  maxPacketAmount: maxPacketAmount({ maximum: most }),
  circuitBreaker: circuitBreaker(),
  retry: retry(),
  rateLimit: rateLimit({ incoming: rates, outgoing: rates }),
  errorToReject: errorToReject({ outgoing: true }),
  expire: expire({ incoming: true, outgoing: true }),
  metrics: metrics(),
  concurrency: concurrency(),
  throughput: throughput({ incoming: perTime, outgoing: perTime }),
  balance: balance({ maximum: most, minimum: -most }),
  validateFulfillment: validateFulfillment({ incoming: true, outgoing: true }),
  dedupe: dedupe({ incoming: true, outgoing: true }),
  'logging, off': logging()
}

const answer = async () => fulfill

/** Each is measured shortly: what is promised of them is promised of the stacks they are in. */
const SHORT = { rounds: 15, minMs: 60 }

export async function run() {
  const BenchPlugin = pluginClass(fulfill)
  const made = Object.entries({ 'wrap(p, [])': [], ...middleware }).map(([name, each]) => {
    const inner = new BenchPlugin()
    return [name, ends(inner, wrap(inner, [each].flat()), answer)]
  })
  const next = distinctPrepares()
  const tables = []
  for (const { title, method, drive } of WAYS) {
    const runs = Object.fromEntries(made.map(([name, ways]) => [name, drive(() => ways[method](next()))]))
    tables.push({ title, rows: await compare('wrap(p, [])', runs, SHORT) })
  }
  return tables
}
