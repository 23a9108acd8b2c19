import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { ConnectOptions, PluginServices } from '@ilp-wrap/core'
import { Loopback, ReferencePlugin, legacyPair } from '@ilp-wrap/testing'
import type { LegacyPair } from '@ilp-wrap/testing'
import { Target } from '../src/check/target.js'
import type { Request } from '../src/check/target.js'

/** Plugins of whose options the port alone says who belongs together, as `{port}` does. */

interface PairOptions {
  readonly port: number
  /** Where to keep a connection to, which is lost with it. */
  readonly link?: number
  /** Where to listen instead of at `port`. */
  readonly listen?: number
}

const wires = new Map<number, Loopback>()

function wireAt(options: PairOptions): Loopback | undefined {
  if (typeof options.port !== 'number') return undefined
  const wire = wires.get(options.port) ?? new Loopback({ reconnectMs: 5, responseTimeoutMs: 500 })
  wires.set(options.port, wire)
  // both ends are made at once, and a port may come again
  queueMicrotask(() => wires.delete(options.port))
  return wire
}

/** Does what RFC 0024 says. */
export class PairPlugin extends ReferencePlugin {
  constructor(options: PairOptions, services?: PluginServices) {
    const given = typeof options === 'object' && (options as object | null) !== null
    super((given ? { link: wireAt(options) } : options) as never, services)
  }
}

/** Has a connection of its own to `link`, where the other end listens. */
export class LinkedPlugin extends PairPlugin {
  readonly #wire: Loopback | undefined
  readonly #options: PairOptions
  #server: Server | undefined
  #socket: Socket | undefined

  constructor(options: PairOptions, services?: PluginServices) {
    super(options, services)
    this.#options = options
    this.#wire = wires.get(options.port)
  }

  override async connect(options?: ConnectOptions): Promise<void> {
    const { port, link, listen = port } = this.#options
    if (link === undefined) {
      this.#server = createServer((socket) => socket.resume().write('hello')).listen(listen, '127.0.0.1')
      await once(this.#server, 'listening')
    } else if (!this.isConnected()) {
      this.#socket = connect(link, '127.0.0.1').on('error', () => undefined)
      await once(this.#socket, 'data')
      this.#socket.on('close', () => this.#wire?.lose())
    }
    return super.connect(options)
  }

  override async disconnect(): Promise<void> {
    this.#server?.close()
    this.#socket?.removeAllListeners('close').destroy()
    return super.disconnect()
  }
}

const pairs = new Map<number, LegacyPair>()

/** The class, as it were, of a plugin of version 1. */
export function LegacyPairPlugin({ port, name }: { port: number; name: 'alice' | 'bob' }): object {
  const pair = pairs.get(port) ?? legacyPair()
  pairs.set(port, pair)
  queueMicrotask(() => pairs.delete(port))
  return pair[name]
}

/** A request to check a class that need not be loaded. */
export function targetOf(Plugin: unknown, request: Omit<Request, 'module'>): Target {
  return new Target({ module: 'given', ...request }, { load: () => Plugin as never })
}
