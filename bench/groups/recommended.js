import { recommended, wrap } from 'ilp-wrap'
import { RecommendedFused } from '../fused/recommended.js'
import { BUILT_IN, connector } from '../lib/connector.js'
import { WAYS, compare } from '../lib/measure.js'
import { distinctPrepares, fulfill } from '../lib/packets.js'
import { ends, pluginClass } from '../lib/plugins.js'

/**
 * What the recommended stack costs with all its parts but the logs, against the same work fused by hand, and against the
 * ten middleware that ilp-connector has built in. The limits are so wide that nothing is refused, and no packet is like
 * another, so that all of them go the whole way.
 */

// as large as one packet can be
const most = 2n ** 63n
const rates = { capacity: 1e9, refillCount: 1e9, refillMs: 1000 }
const perTime = { amount: most, refillMs: 1000 }

const limits = {
  balance: { maximum: most, minimum: -most },
  rateLimit: { incoming: rates, outgoing: rates },
  maxPacketAmount: { maximum: most },
  throughput: { incoming: perTime, outgoing: perTime }
}

const answer = async () => fulfill

const contenders = {
  'fused by hand': (inner) => ends(inner, new RecommendedFused(inner, limits), answer),
  'recommended()': (inner) => ends(inner, wrap(inner, recommended({ ...limits, logging: false })), answer),
  'ilp-connector, its ten': (inner) => connector(inner, BUILT_IN, answer),
  'bare plugin': (inner) => ends(inner, inner, answer)
}

export async function run() {
  const made = {}
  for (const [name, make] of Object.entries(contenders)) made[name] = await make(new (pluginClass(fulfill))())
  const [baseline] = Object.keys(contenders)
  const next = distinctPrepares()
  const tables = []
  for (const { title, method, drive } of WAYS) {
    const runs = Object.entries(made).map(([name, ways]) => [name, drive(() => ways[method](next()))])
    tables.push({ title, rows: await compare(baseline, Object.fromEntries(runs)) })
  }
  return tables
}
