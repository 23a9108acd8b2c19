import { defineMiddleware, wrap } from '@ilp-wrap/core'
import { compare, inFlight, inSequence } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/** What wrapping costs before any middleware does anything. */

const passThrough = ['a', 'b', 'c', 'd', 'e'].map((name) => defineMiddleware({ name, place: {} }, () => ({})))
const hooks = ['a', 'b', 'c', 'd', 'e'].map((name) =>
  defineMiddleware({ name, place: { incoming: 'any', outgoing: 'any' } }, () => ({
    sendData: (data, next) => next(data),
    handleData: (data, next) => next(data)
  }))
)
const handler = async () => fulfill

const contenders = {
  'bare plugin': (plugin) => plugin,
  'wrap(p, [])': (plugin) => wrap(plugin, []),
  '5 pass-through layers': (plugin) => wrap(plugin, passThrough),
  '5 layers, each with a hook': (plugin) => wrap(plugin, hooks)
}

export async function run() {
  const tables = []
  for (const classes of [1, 8]) {
    const ends = Object.fromEntries(
      Object.entries(contenders).map(([name, make]) => [
        name,
        Array.from({ length: classes }, () => {
          const inner = new (pluginClass(fulfill))()
          const plugin = make(inner)
          plugin.registerDataHandler(handler)
          return { inner, plugin }
        })
      ])
    )
    const each = (call) =>
      Object.fromEntries(Object.entries(ends).map(([name, list]) => [name, call((i) => list[i % classes])]))
    for (const [how, drive] of [
      ['in sequence', inSequence],
      ['100 in flight', inFlight]
    ]) {
      const rows = await compare(
        'bare plugin',
        each((end) => drive((i) => end(i).plugin.sendData(prepare)))
      )
      tables.push({ title: `outgoing, ${how}, ${classes} plugin class(es)`, rows })
    }
    tables.push({
      title: `incoming, in sequence, ${classes} plugin class(es)`,
      rows: await compare(
        'bare plugin',
        each((end) => inSequence((i) => end(i).inner.receive(prepare)))
      )
    })
  }
  return tables
}
