import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { expire } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { FusedPlugin } from '../fused/fused.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/** What a wrapped plugin takes of the heap, above the plugin itself: as it is made, and once packets have passed. */

const PLUGINS = 10_000

const bounds = { maximum: 10n ** 12n, minimum: -(10n ** 12n) }
const shared = {
  'retry alone': [retry()],
  'balance alone': [balance(bounds)],
  'rateLimit alone': [rateLimit()],
  'the three': [retry(), balance(bounds), rateLimit()],
  'expire alone': [expire()],
  'validateFulfillment alone': [validateFulfillment()],
  'logging alone': [logging()],
  'all six': [validateFulfillment(), expire(), retry(), balance(bounds), rateLimit(), logging()]
}

const contenders = {
  'wrap(p, [])': (plugin) => wrap(plugin, []),
  ...Object.fromEntries(Object.entries(shared).map(([name, list]) => [name, (plugin) => wrap(plugin, list)])),
  'the three, each with options of its own': (plugin) => wrap(plugin, [retry(), balance(bounds), rateLimit()]),
  'the three, fused by hand': (plugin) => new FusedPlugin(plugin, bounds)
}

const answer = async () => fulfill
const takeMoney = async () => undefined
const BenchPlugin = pluginClass(fulfill)

function used() {
  // what one collection lets go of may hold what the next one finds
  for (let i = 0; i < 3; i++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

async function measure(make, count) {
  const inner = Array.from({ length: count }, () => new BenchPlugin())
  const plugins = new Array(count)
  const before = used()
  for (let i = 0; i < count; i++) {
    plugins[i] = make(inner[i])
    plugins[i].registerDataHandler(answer)
    plugins[i].registerMoneyHandler(takeMoney)
  }
  const made = used()
  for (let i = 0; i < count; i++) {
    await plugins[i].sendData(prepare)
    await inner[i].receive(prepare)
  }
  const busy = used()
  // alive until here
  for (const plugin of plugins) plugin.deregisterDataHandler()
  return [(made - before) / count, (busy - before) / count]
}

export async function run() {
  const cells = []
  for (const [name, make] of [['bare plugin', (plugin) => plugin], ...Object.entries(contenders)]) {
    // what the first few bring along once: code, and what the compiler knows of it
    await measure(make, 300)
    cells.push([name, ...(await measure(make, PLUGINS)).map((bytes) => bytes.toFixed(0))])
  }
  return [{ title: `${PLUGINS} plugins`, head: ['', 'bytes each, made', 'after a packet each way'], cells }]
}
