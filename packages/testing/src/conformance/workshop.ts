import type { Context, Middleware, PluginV2 } from '@ilp-wrap/core'
import { outcome } from './checks.js'
import { mockPair } from '../mock-pair.js'
import type { MockPeer, MockPlugin } from '../mock-pair.js'
import { prepare } from '../packets.js'
import type { PrepareFields } from '../packets.js'
import { MemoryLog, MemoryStore } from '../services.js'
import { testClock } from '../test-clock.js'
import type { TestClock } from '../test-clock.js'

/** How long, in tenths of a second of the workshop's own time, a `disconnect` may take in the end. */
const CLOSING_STEPS = 600

/** Where inner plugins of a case's own are wrapped, in a time of its own. */
export class Workshop {
  readonly clock: TestClock = testClock()
  readonly log: MemoryLog = new MemoryLog()
  readonly store: MemoryStore = new MemoryStore()
  readonly #wrap: Middleware
  readonly #made: PluginV2[] = []
  #closed = false

  constructor(wrap: Middleware) {
    this.#wrap = wrap
  }

  wrap(plugin: PluginV2, context: Context = {}): PluginV2 {
    const { clock, log, store } = this
    const wrapped = this.#wrap(plugin, { account: 'conformance', clock, log, store, ...context })
    this.#made.push(wrapped)
    return wrapped
  }

  /** A wrapped mock, not connected. */
  pair(): WrappedPair {
    const { plugin: inner, peer } = mockPair()
    return { inner, peer, plugin: this.wrap(inner) }
  }

  /** A wrapped mock, connected by its host. */
  async connectedPair(): Promise<WrappedPair> {
    const pair = this.pair()
    await this.settle(pair.plugin.connect())
    return pair
  }

  /** Connects a wrapped plugin, and gives it back. */
  async connected(inner: PluginV2): Promise<PluginV2> {
    const plugin = this.wrap(inner)
    await this.settle(plugin.connect())
    return plugin
  }

  /** Lets the time pass until the promise has settled. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let waiting = true
    const done = (): void => {
      waiting = false
    }
    promise.then(done, done)
    await this.pass(() => !waiting)
    return promise
  }

  /** Lets the time pass until `enough`. */
  async pass(enough: () => boolean): Promise<void> {
    for (let step = 0; !enough() && !this.#closed; step = 100) await this.clock.advance(step)
  }

  /** A prepare of this time, 30 s before its expiry. */
  prepare(fields: PrepareFields = {}): Buffer {
    return prepare({ expiresAt: this.clock.now() + 30_000, ...fields })
  }

  /** Disconnects all that was made, and stops the time. */
  async close(): Promise<void> {
    for (const plugin of this.#made) {
      const closing = outcome(() => plugin.disconnect())
      let steps = CLOSING_STEPS
      void closing.then(() => {
        steps = 0
      })
      while (steps-- > 0) await this.clock.advance(100)
    }
    this.#closed = true
  }
}

export interface WrappedPair {
  readonly inner: MockPlugin
  readonly peer: MockPeer
  readonly plugin: PluginV2
}
