import { EventEmitter } from 'node:events'
import { InvalidFieldsError } from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, MoneyHandler, PluginServices, PluginV2 } from '@ilp-wrap/core'
import { LoopbackEnd } from './loopback-end.js'
import { Loopback } from './loopback.js'
import type { LoopbackOptions } from './loopback.js'

export interface ReferencePluginOptions {
  /** The wire; a second plugin on it is the peer. */
  readonly link: Loopback
}

/** A ledger plugin that does what RFC 0024 says, over a wire within the process. */
export class ReferencePlugin extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly #end: LoopbackEnd

  /**
   * @throws TypeError when the options are no object, or the services neither undefined nor an object
   * @throws InvalidFieldsError when `link` is none, or has two ends already
   */
  constructor(options: ReferencePluginOptions, services?: PluginServices) {
    super()
    if (!isObject(options)) throw new TypeError('Expected the options of a plugin to be an object')
    if (services !== undefined && !isObject(services)) {
      throw new TypeError('Expected the services of a plugin to be an object or undefined')
    }
    if (!(options.link instanceof Loopback)) throw new InvalidFieldsError('Expected `link` to be a Loopback')
    this.#end = new LoopbackEnd(options.link, (event) => this.emit(event))
  }

  connect(options?: ConnectOptions): Promise<void> {
    return this.#end.connect(options)
  }

  disconnect(): Promise<void> {
    return this.#end.disconnect()
  }

  isConnected(): boolean {
    return this.#end.isConnected()
  }

  sendData(data: Buffer): Promise<Buffer> {
    return this.#end.sendData(data)
  }

  sendMoney(amount: string): Promise<void> {
    return this.#end.sendMoney(amount)
  }

  registerDataHandler(handler: DataHandler): void {
    this.#end.registerDataHandler(handler)
  }

  deregisterDataHandler(): void {
    this.#end.deregisterDataHandler()
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    this.#end.registerMoneyHandler(handler)
  }

  deregisterMoneyHandler(): void {
    this.#end.deregisterMoneyHandler()
  }
}

export interface LoopbackPair {
  readonly alice: ReferencePlugin
  readonly bob: ReferencePlugin
  /** The wire between them, to cut it or to have connections refused. */
  readonly link: Loopback
}

/** Two v2 plugins joined in process: what one sends, data or money, the other receives. Each has to be connected. */
export function loopbackPair(options?: LoopbackOptions): LoopbackPair {
  const link = new Loopback(options)
  return { alice: new ReferencePlugin({ link }), bob: new ReferencePlugin({ link }), link }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
