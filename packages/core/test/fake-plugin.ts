import { EventEmitter } from 'node:events'
import type { ConnectOptions, DataHandler, MoneyHandler, PluginV2 } from '../src/contract.js'

/** A v2 plugin whose other end is the test. */
export class FakePlugin extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly calls: unknown[][] = []
  dataHandler: DataHandler | undefined
  moneyHandler: MoneyHandler | undefined
  answer: (data: Buffer) => Promise<Buffer> = (data) => Promise.resolve(data)
  #connected = false

  connect(options?: ConnectOptions): Promise<void> {
    this.calls.push(['connect', options])
    this.#connected = true
    this.emit('connect')
    return Promise.resolve()
  }

  disconnect(): Promise<void> {
    this.calls.push(['disconnect'])
    this.lose()
    return Promise.resolve()
  }

  lose(): void {
    if (!this.#connected) return
    this.#connected = false
    this.emit('disconnect')
  }

  isConnected(): boolean {
    return this.#connected
  }

  sendData(data: Buffer): Promise<Buffer> {
    this.calls.push(['sendData', data])
    return this.answer(data)
  }

  sendMoney(amount: string): Promise<void> {
    this.calls.push(['sendMoney', amount])
    return Promise.resolve()
  }

  registerDataHandler(handler: DataHandler): void {
    this.dataHandler = handler
  }

  deregisterDataHandler(): void {
    this.dataHandler = undefined
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    this.moneyHandler = handler
  }

  deregisterMoneyHandler(): void {
    this.moneyHandler = undefined
  }

  receive(data: Buffer): Promise<Buffer> {
    return this.dataHandler?.(data) ?? Promise.reject(new Error('fake: no data handler'))
  }

  receiveMoney(amount: string): Promise<void> {
    return this.moneyHandler?.(amount) ?? Promise.reject(new Error('fake: no money handler'))
  }
}

/** Runs `call` and gives what it threw or rejected with, wrapped so that `undefined` can be told from success. */
export async function thrownBy(call: () => unknown): Promise<{ error: unknown } | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return { error }
  }
}
