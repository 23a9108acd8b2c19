import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Context, PluginV1, PluginV2 } from '@ilp-wrap/core'
import { wrap } from '@ilp-wrap/core'
import { compat } from '@ilp-wrap/compat'
import { freePort } from '../packages/ilp-wrap/src/demo/link.js'

/** Two published v1 plugins, joined on loopback. */
export interface RealPair {
  readonly v1: readonly [PluginV1, PluginV1]
  /** Wrapped; `b` is connected, `a` is not. */
  readonly a: PluginV2
  readonly b: PluginV2
  /** What `a` sends to when it pays `b`. */
  readonly destination: string
  close(): Promise<void>
}

/** `context` is that of `a`. */
export type MakePair = (context?: Context) => Promise<RealPair>

// the plugins are CommonJS, without types
const require = createRequire(import.meta.url)

const SECRET = 'canary'

/** More than any test sends. */
const MAXIMUM = '1'.padEnd(50, '0')

/** The store that the plugins ask for. */
class PluginStore {
  readonly #values = new Map<string, string>()

  async get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#values.get(key))
  }

  async put(key: string, value: string): Promise<void> {
    this.#values.set(key, value)
    return Promise.resolve()
  }

  async del(key: string): Promise<void> {
    this.#values.delete(key)
    return Promise.resolve()
  }
}

// ------------------------------------------------------------------------------------------------- ilp-plugin-virtual

interface VirtualPlugin extends PluginV1 {
  receive(method: string, params: unknown[]): Promise<unknown>
}

const PluginVirtual = require('ilp-plugin-virtual') as {
  new (options: object): VirtualPlugin
  generatePrefix(options: object): string
  generatePublicKey(secret: string): string
}

/** Two ilp-plugin-virtual@16.0.1, each with the HTTP endpoint that a connector would give it. */
export const virtualPair: MakePair = async (context) => {
  const secrets = ['secret of alice', 'secret of bob'] as const
  const keys = secrets.map((secret) => PluginVirtual.generatePublicKey(secret))
  const [alice, bob] = [await endpoint(), await endpoint()]
  const make = (own: 0 | 1, peer: 0 | 1, rpcUri: string): VirtualPlugin => {
    const currency = { currencyCode: 'USD', currencyScale: 2 }
    const prefix = PluginVirtual.generatePrefix({ secretKey: secrets[own], peerPublicKey: keys[peer], ...currency })
    return new PluginVirtual({
      ...currency,
      secret: secrets[own],
      peerPublicKey: keys[peer],
      maxBalance: MAXIMUM,
      rpcUri,
      _store: new PluginStore(),
      info: { connectors: [`${prefix}${keys[peer] as string}`] }
    })
  }
  const v1 = [make(0, 1, bob.uri), make(1, 0, alice.uri)] as const
  alice.serve(v1[0])
  bob.serve(v1[1])
  const [a, b] = [wrap(v1[0], [compat()], context), wrap(v1[1], [compat()])]
  await b.connect()
  return {
    v1,
    a,
    b,
    destination: `${v1[1].getAccount()}.bob`,
    close: async () => {
      await Promise.all([a.disconnect(), b.disconnect()])
      await Promise.all([alice.close(), bob.close()])
    }
  }
}

interface Endpoint {
  readonly uri: string
  serve(plugin: VirtualPlugin): void
  close(): Promise<void>
}

async function endpoint(): Promise<Endpoint> {
  let plugin: VirtualPlugin | undefined
  const server: Server = createServer((request, response) => {
    const method = new URL(request.url ?? '', 'http://localhost').searchParams.get('method') ?? ''
    const answer = async (): Promise<unknown> => {
      const params = JSON.parse(await bodyOf(request)) as unknown[]
      return plugin?.isConnected() === true
        ? plugin.receive(method, params)
        : Promise.reject(new Error('not connected'))
    }
    answer().then(
      (result) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result)),
      (error: unknown) => response.writeHead(422).end(String(error))
    )
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`,
    serve: (served) => {
      plugin = served
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

// -------------------------------------------------------------------------------- ilp-plugin-payment-channel-framework

const PluginFramework = require('ilp-plugin-payment-channel-framework') as new (options: object) => PluginV1

const PREFIX = 'test.framework.'

/**
 * Two ilp-plugin-payment-channel-framework@1.3.5: `b` listens, `a` is its client. A stateful listener calls itself
 * `server`; one without state takes itself for a `client`, as its peer does.
 */
export const frameworkPair =
  (stateful: boolean): MakePair =>
  async (context) => {
    const port = await freePort()
    const listener = new PluginFramework({
      listener: { port },
      incomingSecret: SECRET,
      prefix: PREFIX,
      info: { prefix: PREFIX, currencyCode: 'XRP', currencyScale: 6, connectors: [`${PREFIX}server`] },
      ...(stateful && { _store: new PluginStore(), maxBalance: MAXIMUM, minBalance: `-${MAXIMUM}` })
    })
    const client = new PluginFramework({ server: `btp+ws://:${SECRET}@127.0.0.1:${port}` })
    const a = wrap(client, [compat()], context)
    const b = wrap(listener, [compat({ connector: stateful ? `${PREFIX}client` : `${PREFIX}server` })])
    await b.connect()
    return {
      v1: [client, listener],
      a,
      b,
      destination: `${PREFIX}server.bob`,
      close: async () => {
        await a.disconnect()
        await b.disconnect()
      }
    }
  }
