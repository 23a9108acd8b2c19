import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { ExponentialBackoff, handleAll, retry as cockatielRetry } from 'cockatiel'
import { FusedPlugin } from '../fused/fused.js'
import { connector } from '../lib/connector.js'
import { WAYS, compare } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { ends, pluginClass } from '../lib/plugins.js'

/**
 * What the traffic middleware cost, against the same work fused by hand and against ilp-connector's. The limits are so
 * wide that nothing is refused.
 */

const wide = { capacity: 1e9, refillCount: 1e9, refillMs: 1000 }
const limits = { incoming: wide, outgoing: wide }
const bounds = { maximum: 10n ** 30n, minimum: -(10n ** 30n) }

const answer = async () => fulfill

const middleware = {
  'retry alone': [retry()],
  'balance alone': [balance(bounds)],
  'rateLimit alone': [rateLimit(limits)],
  'the three': [retry(), balance(bounds), rateLimit(limits)]
}

const contenders = {
  'fused by hand': (inner) => ends(inner, new FusedPlugin(inner, { ...bounds, ...limits }), answer),
  'bare plugin': (inner) => ends(inner, inner, answer),
  ...Object.fromEntries(
    Object.entries(middleware).map(([name, list]) => [name, (inner) => ends(inner, wrap(inner, list), answer)])
  ),
  'ilp-connector rateLimit': (inner) => connector(inner, ['rateLimit'], answer),
  'ilp-connector balance': (inner) => connector(inner, ['balance'], answer),
  'ilp-connector both': (inner) => connector(inner, ['rateLimit', 'balance'], answer),
  'cockatiel retry': (inner) => {
    const policy = cockatielRetry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() })
    inner.registerDataHandler(answer)
    return { send: (data) => policy.execute(() => inner.sendData(data)), receive: undefined }
  }
}

/** Whose ratios are to be reached: these are measured as long as the ratios of the other groups, the rest shortly. */
const GOALS = ['fused by hand', 'the three', 'ilp-connector both']
const SHORT = { rounds: 11, minMs: 50 }

/** With several plugin classes alive, and each stack over all of them, calls are megamorphic, as in a connector. */
const MANY = 8

export async function run() {
  const tables = []
  for (const classes of [1, MANY]) {
    const made = {}
    for (const [name, make] of Object.entries(contenders)) {
      made[name] = []
      for (let i = 0; i < classes; i++) made[name].push(await make(new (pluginClass(fulfill))()))
    }
    for (const { title, method, drive } of WAYS) {
      const runs = (names) =>
        Object.fromEntries(
          names
            .filter((name) => made[name][0][method] !== undefined)
            .map((name) => [name, drive((i) => made[name][i % classes][method](prepare))])
        )
      const rows = await compare('fused by hand', runs(GOALS))
      if (classes === 1) {
        const others = Object.keys(contenders).filter((name) => !GOALS.slice(1).includes(name))
        rows.push(...(await compare('fused by hand', runs(others), SHORT)).slice(1))
      }
      tables.push({ title: `${title}, ${classes} plugin class(es)`, rows })
    }
  }
  return tables
}
