import { balance } from '@ilp-wrap/balance'
import { defineMiddleware, wrap } from '@ilp-wrap/core'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { compare, inSequence } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/** How the cost of a packet grows with the layers of a stack, and with the plugins of a process. */

const BenchPlugin = pluginClass(fulfill)
const wide = { capacity: 1e9, refillCount: 1e9, refillMs: 1000 }
const shared = [
  retry(),
  balance({ maximum: 10n ** 30n, minimum: -(10n ** 30n) }),
  rateLimit({ incoming: wide, outgoing: wide })
]

function layers(count, hooks) {
  const list = Array.from({ length: count }, (_, index) =>
    defineMiddleware({ name: `layer-${index}`, place: { outgoing: 'any' } }, () => hooks)
  )
  const plugin = wrap(new BenchPlugin(), list)
  return inSequence(() => plugin.sendData(prepare))
}

/** Each packet over the next plugin. */
function plugins(count, make) {
  const all = Array.from({ length: count }, () => make(new BenchPlugin()))
  return inSequence((index) => all[index % count].sendData(prepare))
}

const passing = { sendData: (data, next) => next(data) }

export async function run() {
  const names = (counts, what, make) => Object.fromEntries(counts.map((count) => [`${count} ${what}`, make(count)]))
  return [
    {
      title: 'layers that do nothing with packets',
      rows: await compare(
        '1 layers',
        names([1, 2, 5, 10, 20], 'layers', (count) => layers(count, {}))
      )
    },
    {
      title: 'layers with a hook',
      rows: await compare(
        '1 layers',
        names([1, 2, 5, 10, 20], 'layers', (count) => layers(count, passing))
      )
    },
    {
      title: 'plugins with retry, balance and rateLimit',
      rows: await compare(
        '1 plugins',
        names([1, 10, 100, 1_000, 10_000], 'plugins', (count) => plugins(count, (plugin) => wrap(plugin, shared)))
      )
    },
    {
      title: 'bare plugins',
      rows: await compare(
        '1 plugins',
        names([1, 10, 100, 1_000, 10_000], 'plugins', (count) => plugins(count, (plugin) => plugin))
      )
    }
  ]
}
