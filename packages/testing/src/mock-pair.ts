import { EventEmitter } from 'node:events'
import {
  DataHandlerAlreadyRegisteredError,
  InvalidFieldsError,
  MoneyHandlerAlreadyRegisteredError,
  MoneyNotSentError,
  UnreachableError
} from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import { fulfill, rejectPacket } from './packets.js'
import type { FulfillFields, RejectPacketFields } from './packets.js'

export interface MockPair {
  readonly plugin: MockPlugin
  readonly peer: MockPeer
}

export interface MockOptions {
  /** Whether the plugin is connected to begin with. Default: false. */
  readonly connected?: boolean
}

/** A plugin whose other end is the test: it sees what was sent, and decides what becomes of it and when. */
export function mockPair(options: MockOptions = {}): MockPair {
  const plugin = new MockPlugin(options)
  return { plugin, peer: plugin.peer }
}

/** What the host has sent, for the peer to answer: now, later, or never. The first answer counts. */
export class MockRequest {
  readonly data: Buffer
  /** Answers with these bytes. */
  readonly answer: (data: Buffer) => void
  /** Makes `sendData` reject with just this. */
  readonly throw: (error: unknown) => void

  constructor(data: Buffer, answer: (data: Buffer) => void, fail: (error: unknown) => void) {
    this.data = data
    this.answer = answer
    this.throw = fail
  }

  fulfill(fields?: FulfillFields): void {
    this.answer(fulfill(fields))
  }

  reject(fields: RejectPacketFields | string): void {
    this.answer(rejectPacket(fields))
  }
}

/** Money that the host has sent, for the peer to take: now, later, or never. */
export class MockPayment {
  readonly amount: string
  readonly accept: () => void
  /** Makes `sendMoney` reject with just this. */
  readonly refuse: (error: unknown) => void

  constructor(amount: string, accept: () => void, refuse: (error: unknown) => void) {
    this.amount = amount
    this.accept = accept
    this.refuse = refuse
  }
}

/** The other end of a `MockPlugin`. */
export class MockPeer {
  /** Answers what the host sends, in place of `request()`. */
  onData: ((data: Buffer) => Promise<Buffer>) | undefined
  /** Takes the money that the host sends, in place of `payment()`. */
  onMoney: ((amount: string) => Promise<void>) | undefined
  /** Decides whether, and when, `connect` succeeds. */
  onConnect: ((options: ConnectOptions | undefined) => Promise<void>) | undefined
  /** Decides how `disconnect` ends, after its event. */
  onDisconnect: (() => Promise<void>) | undefined
  readonly requests: Inbox<MockRequest> = new Inbox()
  readonly payments: Inbox<MockPayment> = new Inbox()
  readonly #plugin: MockPlugin

  constructor(plugin: MockPlugin) {
    this.#plugin = plugin
  }

  /** The next data that the host has sent, or will send. */
  request(): Promise<MockRequest> {
    return this.requests.take()
  }

  /** The next money that the host has sent, or will send. */
  payment(): Promise<MockPayment> {
    return this.payments.take()
  }

  /** Hands data to the plugin's handler, and gives what the handler gave: the very same answer, the very same error. */
  async sendData(data: Buffer): Promise<Buffer> {
    const handler = this.#plugin.dataHandler
    if (handler === undefined) throw new UnreachableError('The plugin has no data handler')
    return handler(data)
  }

  async sendMoney(amount: string): Promise<void> {
    const handler = this.#plugin.moneyHandler
    if (handler === undefined) throw new UnreachableError('The plugin has no money handler')
    return handler(amount)
  }

  /** Loses the connection; the arguments go with the `disconnect` event. */
  lose(...args: unknown[]): void {
    this.#plugin.connected = false
    this.#plugin.emit('disconnect', ...args)
  }

  /** Makes the connection again without being asked; the arguments go with the `connect` event. */
  restore(...args: unknown[]): void {
    this.#plugin.connected = true
    this.#plugin.emit('connect', ...args)
  }

  /** Has the plugin emit an `error`. */
  fail(error: unknown): void {
    this.#plugin.emit('error', error)
  }
}

/** A v2 plugin whose other end is its `peer`. */
export class MockPlugin extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly peer: MockPeer = new MockPeer(this)
  connected: boolean
  dataHandler: DataHandler | undefined
  moneyHandler: MoneyHandler | undefined

  constructor(options: MockOptions = {}) {
    super()
    this.connected = options.connected ?? false
  }

  async connect(options?: ConnectOptions): Promise<void> {
    if (!this.isConnected()) await this.peer.onConnect?.(options)
    // another call may have been faster
    if (this.isConnected()) return
    this.connected = true
    this.emit('connect')
  }

  async disconnect(): Promise<void> {
    if (this.connected) this.peer.lose()
    await this.peer.onDisconnect?.()
  }

  isConnected(): boolean {
    return this.connected
  }

  sendData(data: Buffer): Promise<Buffer> {
    if (!this.connected) return Promise.reject(Object.assign(new UnreachableError('Not connected'), { notSent: true }))
    const { onData } = this.peer
    if (onData !== undefined) return onData(data)
    return new Promise((resolve, reject: (error: unknown) => void) => {
      this.peer.requests.put(new MockRequest(data, resolve, reject))
    })
  }

  sendMoney(amount: string): Promise<void> {
    if (!this.connected) return Promise.reject(new MoneyNotSentError('Not connected'))
    const { onMoney } = this.peer
    if (onMoney !== undefined) return onMoney(amount)
    return new Promise((resolve, reject: (error: unknown) => void) => {
      this.peer.payments.put(new MockPayment(amount, resolve, reject))
    })
  }

  registerDataHandler(handler: DataHandler): void {
    assertFunction(handler)
    if (this.dataHandler !== undefined)
      throw new DataHandlerAlreadyRegisteredError('mock: a data handler is registered')
    this.dataHandler = handler
  }

  deregisterDataHandler(): void {
    this.dataHandler = undefined
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    assertFunction(handler)
    if (this.moneyHandler !== undefined) {
      throw new MoneyHandlerAlreadyRegisteredError('mock: a money handler is registered')
    }
    this.moneyHandler = handler
  }

  deregisterMoneyHandler(): void {
    this.moneyHandler = undefined
  }
}

/** What arrives, in order, for who takes it one at a time. */
export class Inbox<T> {
  readonly #waiting: T[] = []
  readonly #takers: ((item: T) => void)[] = []

  /** How many have arrived and were not taken. */
  get size(): number {
    return this.#waiting.length
  }

  put(item: T): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#waiting.push(item)
    else taker(item)
  }

  take(): Promise<T> {
    if (this.#waiting.length > 0) return Promise.resolve(this.#waiting.shift() as T)
    return new Promise((resolve) => this.#takers.push(resolve))
  }
}

function assertFunction(handler: unknown): void {
  if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
}
