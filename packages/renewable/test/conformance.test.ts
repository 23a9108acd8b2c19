import { EventEmitter } from 'node:events'
import type { ConnectOptions, DataHandler, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import { conformance, referenceFactory } from '@ilp-wrap/testing'
import { describe, it } from 'vitest'
import { renewable } from '../src/index.js'

/**
 * A plugin that connects once, as ilp-plugin-btp: each further `connect()` resolves at once and does nothing, and
 * `disconnect()` is told of even if it never was connected. The wire is that of another plugin.
 */
class OneLife extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly #wire: PluginV2
  #state: 'new' | 'started' | 'over' = 'new'

  constructor(wire: PluginV2) {
    super()
    this.#wire = wire
    for (const event of ['connect', 'disconnect']) {
      wire.on(event, (...args: unknown[]) => this.#state === 'started' && this.emit(event, ...args))
    }
  }

  async connect(options?: ConnectOptions): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'started'
    await this.#wire.connect(options)
  }

  async disconnect(): Promise<void> {
    const { connected } = { connected: this.isConnected() }
    await this.#wire.disconnect()
    this.#state = 'over'
    if (!connected) this.emit('disconnect')
  }

  isConnected(): boolean {
    return this.#state === 'started' && this.#wire.isConnected()
  }

  sendData(data: Buffer): Promise<Buffer> {
    return this.#wire.sendData(data)
  }

  sendMoney(amount: string): Promise<void> {
    return this.#wire.sendMoney(amount)
  }

  registerDataHandler(handler: DataHandler): void {
    this.#wire.registerDataHandler(handler)
  }

  deregisterDataHandler(): void {
    this.#wire.deregisterDataHandler()
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    this.#wire.registerMoneyHandler(handler)
  }

  deregisterMoneyHandler(): void {
    this.#wire.deregisterMoneyHandler()
  }
}

describe('a renewable plugin', () => {
  conformance(
    { describe, it },
    referenceFactory({}, (wire) => renewable(() => new OneLife(wire))),
    { supports: { recovers: true } }
  )
})
