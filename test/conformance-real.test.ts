import { createRequire } from 'node:module'
import { wrap } from '@ilp-wrap/core'
import type { Middleware, PluginClass, PluginV2 } from '@ilp-wrap/core'
import { conformance } from '@ilp-wrap/testing'
import type { ConformanceOptions, Factory } from '@ilp-wrap/testing'
import { describe, it } from 'vitest'
import { freePort } from '../packages/ilp-wrap/src/demo/link.js'

// Plugins that people use, as they are and wrapped. Their manifests say what they do otherwise; what a wrapped plugin
// does besides, it does over them, too.

const require = createRequire(import.meta.url)
const PluginMirror = require('ilp-plugin-mirror') as new (options: object) => PluginV2 & { readonly mirror: PluginV2 }
const PluginBtp = require('ilp-plugin-btp') as PluginClass<BtpPlugin>

/** Its reconnecting socket, to cut it. */
interface BtpPlugin extends PluginV2 {
  readonly _ws: { readonly _instance: { terminate(): void } }
}

const wrapped: Middleware = (plugin, context) => wrap(plugin, [], context)

describe('ilp-plugin-mirror', () => {
  const factory: Factory = () => {
    const plugin = new PluginMirror({})
    return { plugin, peer: plugin.mirror }
  }
  const supports = { lose: false, refuse: false, silence: false, build: false }
  const lasting = {
    'C9 connect() returns a promise of undefined': 'it resolves with null',
    'C16 connect() while connected resolves and emits nothing': 'it emits connect each time',
    'C20 disconnect() returns a promise of undefined': 'it resolves with null',
    'C20 disconnect() before any connect() resolves and emits nothing': 'it emits disconnect each time',
    'C20 a second disconnect() resolves and emits nothing': 'it emits disconnect each time',
    C23: 'isConnected() is undefined before the first connect()',
    'C24 settles what was sent before disconnect()': 'disconnect() does not concern its packets',
    'C24 calls no handler after disconnect()': 'disconnect() does not concern its packets',
    'C39 settles what is sent before connect()': 'it sends without being connected',
    'C39 settles what is sent after disconnect()': 'it sends without being connected',
    'C49 does not resolve sendMoney() when the money cannot have moved': 'it pays without being connected',
    'C6 throws errors of a class of their own name, with a stack, that can be printed': 'it throws none',
    'C10 refuses a timeout that is no number with a TypeError': 'isConnected() is undefined before the first connect()',
    'C58 does not take money without a handler': 'it resolves with null',
    'C58 answers data with an error while it has no handler': 'it answers null',
    'C58 answers a prepare with an error or a reject while it has no handler': 'it answers null'
  }

  describe('bare', () => {
    const skip = {
      ...lasting,
      C52: 'it overwrites its handler',
      'C55 registers a money handler, and refuses a second one': 'it overwrites its handler',
      'C55 takes another money handler once the first is deregistered': 'it overwrites its handler',
      C56: 'it registers anything'
    }
    conformance({ describe, it }, factory, { supports, skip })
  })

  describe('wrapped', () => {
    conformance({ describe, it }, factory, { wrap: wrapped, supports, skip: lasting })
  })
})

/** Long enough for a thousand exchanges, and what a disconnected plugin takes to give up its packets. */
const responseTimeout = 2000

function pair(port: number): { client: BtpPlugin; listener: BtpPlugin } {
  return {
    client: new PluginBtp({
      server: `btp+ws://:secret@127.0.0.1:${port}`,
      reconnectInterval: 10,
      responseTimeout
    }),
    listener: new PluginBtp({ listener: { port, secret: 'secret' }, responseTimeout })
  }
}

const btp = {
  supports: { money: false, reconnect: false, refuse: false, silence: false, build: false },
  quietMs: 30
} satisfies ConformanceOptions

const btpSkips = {
  C17: 'a second connect() resolves at once',
  'C20 disconnect() before any connect() resolves and emits nothing': 'it emits disconnect all the same',
  'C60 tells the peer when the data handler throws what is no Error':
    'it reads the name of what was thrown, and answers nothing if there is none',
  'C40 sends in the order of the calls': 'it waits for random bytes before it sends',
  C66: 'its peer waits for random bytes before it sends',
  'C61 survives a data handler that gives no Buffer': 'an answer of text cannot be written, and nothing is answered'
}

const bareBtpSkips = {
  'C10 refuses a timeout that is no number with a TypeError': 'it takes no options',
  'C52 registers a data handler, and refuses a second one': 'it throws an Error without a name of its own',
  'C55 registers a money handler, and refuses a second one': 'it throws an Error without a name of its own',
  C56: 'it throws an Error without a name of its own'
}

describe('a client of ilp-plugin-btp', () => {
  const factory: Factory = async () => {
    const { client, listener } = pair(await freePort())
    // its connect() lasts until the client is there
    listener.connect().catch(() => undefined)
    return {
      plugin: client,
      peer: listener,
      network: { lose: () => client._ws._instance.terminate() },
      cleanup: () => listener.disconnect()
    }
  }
  const options = { ...btp, supports: { ...btp.supports, recovers: true } }
  const lasting = {
    ...btpSkips,
    'C21 disconnect() ends a connect() that is under way': 'closing a socket that is not open yet is an uncaught error'
  }

  describe('bare', () => {
    conformance({ describe, it }, factory, { ...options, skip: { ...lasting, ...bareBtpSkips } })
  })

  describe('wrapped', () => {
    conformance({ describe, it }, factory, { ...options, wrap: wrapped, skip: lasting })
  })
})

describe('a listener of ilp-plugin-btp', () => {
  const factory: Factory = async () => {
    const { client, listener } = pair(await freePort())
    // it tries until the listener is there
    client.connect().catch(() => undefined)
    return {
      plugin: listener,
      peer: client,
      network: { lose: () => client._ws._instance.terminate() },
      // it complains when it is closed while it tries
      cleanup: () => client.disconnect().catch(() => undefined)
    }
  }
  const lasting = {
    ...btpSkips,
    C73: 'its peer, which goes on trying to connect, has timers of its own'
  }

  describe('bare', () => {
    conformance({ describe, it }, factory, { ...btp, skip: { ...lasting, ...bareBtpSkips } })
  })

  describe('wrapped', () => {
    conformance({ describe, it }, factory, { ...btp, wrap: wrapped, skip: lasting })
  })
})
