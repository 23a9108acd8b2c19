import { defineMiddleware, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginV2 } from '@ilp-wrap/core'
import { isPrepare, prepareExpiresAt } from '@ilp-wrap/core/packet'
import eventemitter2V2 from 'eventemitter2-v2'
import eventemitter2V5 from 'eventemitter2-v5'
import { describe, it } from 'vitest'
import {
  conformance,
  emitter2Plugin,
  frozenPlugin,
  overEmitter,
  overwritingPlugin,
  privatePlugin,
  proxiedPlugin,
  referenceFactory,
  rejectPacket,
  throwingPlugin,
  unversionedPlugin
} from '../src/index.js'
import type { EmitterClass } from '../src/index.js'

const bare: Middleware = (plugin, context) => wrap(plugin, [], context)

/** Ends prepares at their expiry: no more of expire() than the cases that ask for it need. */
const expiring: Middleware = defineMiddleware({ name: 'expiring', place: {} }, ({ clock }) => {
  const limit = (data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> => {
    if (!isPrepare(data)) return next(data)
    return new Promise((resolve, reject) => {
      const ms = (prepareExpiresAt(data) as number) - clock.now()
      const timer = clock.setTimeout(() => resolve(rejectPacket('R00')), ms)
      next(data)
        .then(resolve, reject)
        .finally(() => clock.clearTimeout(timer))
    })
  }
  return { sendData: limit, handleData: limit }
})

describe('a wrapped reference plugin', () => {
  conformance({ describe, it }, referenceFactory(), { wrap: bare, supports: { recovers: true } })
})

describe('a reference plugin whose prepares end at their expiry', () => {
  conformance({ describe, it }, referenceFactory(), {
    wrap: expiring,
    supports: { recovers: true, expiry: true, incomingExpiry: true }
  })
})

describe.each([
  ['an EventEmitter2 of version 6', emitter2Plugin],
  ['an EventEmitter2 of version 5', (plugin) => overEmitter(plugin, eventemitter2V5.EventEmitter2 as EmitterClass)],
  ['an EventEmitter2 of version 2', (plugin) => overEmitter(plugin, eventemitter2V2.EventEmitter2 as EmitterClass)],
  ['full of #private fields', privatePlugin],
  ['frozen', frozenPlugin],
  ['a Proxy', proxiedPlugin],
  ['without a class', unversionedPlugin],
  ['throwing where it should reject', throwingPlugin],
  ['overwriting its handlers without a word', overwritingPlugin]
] satisfies [string, (plugin: PluginV2) => PluginV2][])('a wrapped plugin that is %s', (_, vary) => {
  // the cases for wrapped plugins bring their own inner ones: they need no repetition
  const factory = referenceFactory({}, (plugin) => wrap(vary(plugin), []))
  conformance({ describe, it }, factory, { supports: { recovers: true } })
})
