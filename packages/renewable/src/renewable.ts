import { EventEmitter } from 'node:events'
import {
  DataHandlerAlreadyRegisteredError,
  InvalidFieldsError,
  MAX_TIMEOUT_MS,
  MoneyHandlerAlreadyRegisteredError,
  UnreachableError,
  assertPluginV2,
  pluginDispose,
  systemClock
} from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, EventName, Listener, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import { promised } from './calls.js'
import { Life, reattach } from './life.js'
import type { Owner } from './life.js'
import { Members, membersBehind } from './members.js'

/**
 * A plugin that can connect again, made of plugins that live once: after `disconnect()`, `error` or a `connect` that
 * failed, the next `connect` makes a fresh instance. Handlers, listeners and assigned members move over to it; the old
 * one is let go. An instance that only lost its connection is kept, since it may come back by itself.
 *
 * The first instance is made at once, so that its members can be reached and what `create` throws is thrown here.
 *
 * @param create makes an instance that has never been connected, another one each time
 * @throws TypeError when `create` is no function, or what it returns no v2 plugin
 */
export function renewable(create: () => PluginV2): PluginV2 {
  if (typeof create !== 'function') throw new TypeError('Expected `create` to be a function')
  return new Renewable(create)
}

/** A call of `connect` that is under way, and how many wait for it. */
interface Connecting {
  done: Promise<void>
  waiting: number
  cancelled: boolean
}

class Renewable extends EventEmitter implements PluginV2 {
  static readonly version: number = 2
  readonly #create: () => PluginV2
  readonly #owner: Owner
  readonly #members: Members
  #life: Life
  /** The host knows that it is connected: by the event, or by `connect()` alone. */
  #toldConnect = false
  #knowsConnected = false
  #dataHandler: DataHandler | undefined
  #moneyHandler: MoneyHandler | undefined
  #connecting: Connecting | undefined
  /** Resolves once the `disconnect()` that is under way is done, and may have failed. */
  #disconnecting: Promise<void> | undefined
  /** Resolves once the last instance has given back what it had. */
  #lettingGo: Promise<void> | undefined
  /** What relays events other than the three, each while somebody listens to it. */
  readonly #relays = new Map<EventName, Listener>()

  static {
    // at the end of the prototype chain, for what is not found on the way there
    const membersOf = (user: unknown): Members | undefined =>
      typeof user === 'object' && user !== null && #members in user ? user.#members : undefined
    Object.setPrototypeOf(this.prototype, membersBehind(EventEmitter.prototype, membersOf))
  }

  constructor(create: () => PluginV2) {
    super()
    this.#create = create
    this.#owner = {
      onConnect: (args) => {
        this.#tellConnect(args)
      },
      onDisconnect: (args) => {
        this.#tellDisconnect(args)
      },
      onError: (args) => this.emit('error', ...args),
      // not by what a handler returns: one without a promise has been called all the same, and may have taken the money
      onData: (data) => (this.#dataHandler === undefined ? nobody() : Promise.resolve(this.#dataHandler(data))),
      onMoney: (amount) => (this.#moneyHandler === undefined ? nobody() : Promise.resolve(this.#moneyHandler(amount)))
    }
    this.#members = new Members(new Set([pluginDispose]))
    this.#life = this.#make()
  }

  // ------------------------------------------------------------------------------------------------------- connection

  /** Rejects with an UnreachableError when `options.timeout` has passed, also where the instance does not heed it. */
  connect(options?: ConnectOptions): Promise<void> {
    const timeout: unknown = options?.timeout
    if (timeout !== undefined && (typeof timeout !== 'number' || Number.isNaN(timeout))) {
      return Promise.reject(new TypeError('Expected `timeout` to be a number of milliseconds'))
    }
    if (this.#connecting === undefined && this.#staysConnected) return Promise.resolve()
    this.#connecting ??= this.#start(options)
    // RFC 0024, "connect": a timeout that is falsy means the instance's own, Infinity none
    return timeout === undefined || timeout === 0 || timeout > MAX_TIMEOUT_MS
      ? this.#wait(this.#connecting)
      : this.#waitAtMost(this.#connecting, timeout)
  }

  async disconnect(): Promise<void> {
    if (this.#disconnecting !== undefined) {
      // a `connect` that has come in between waits for the same, and is not wanted any more
      this.#overtake()
      await this.#disconnecting
      return
    }
    let finished: (() => void) | undefined
    this.#disconnecting = new Promise((resolve) => {
      finished = resolve
    })
    try {
      await this.#close()
      await this.#lettingGo
    } finally {
      this.#disconnecting = undefined
      finished?.()
    }
  }

  isConnected(): boolean {
    return this.#life.connected
  }

  /** Connected, and neither about to end nor broken. */
  get #staysConnected(): boolean {
    return this.#disconnecting === undefined && this.#life.state !== 'failed' && this.isConnected()
  }

  #start(options: ConnectOptions | undefined): Connecting {
    const connecting: Connecting = { done: Promise.resolve(), waiting: 0, cancelled: false }
    connecting.done = this.#connect(options, connecting)
    const finished = (): void => {
      if (this.#connecting === connecting) this.#connecting = undefined
    }
    connecting.done.then(finished, finished)
    return connecting
  }

  async #connect(options: ConnectOptions | undefined, connecting: Connecting): Promise<void> {
    if (this.#disconnecting !== undefined) await this.#disconnecting
    if (this.#life.state === 'failed') this.#end(this.#life, 'let go')
    if (this.#lettingGo !== undefined) await this.#lettingGo
    if (connecting.cancelled) throw disconnected()
    if (this.#life.state === 'spent') this.#life = this.#make()

    const life = this.#life
    life.listen()
    for (const [name, relay] of this.#relays) reattach(life.plugin, name, relay)
    try {
      await life.connect(options)
    } catch (error) {
      // of one that is not wanted any more nothing follows for the instance
      if (this.#connecting === connecting && life.state !== 'spent') this.#end(life, 'let go')
      throw error
    }
    this.#knowsConnected = true
  }

  #wait(connecting: Connecting): Promise<void> {
    connecting.waiting += 1
    return connecting.done
  }

  #waitAtMost(connecting: Connecting, ms: number): Promise<void> {
    connecting.waiting += 1
    return new Promise((resolve, reject) => {
      const timer = systemClock.setTimeout(
        () => {
          connecting.waiting -= 1
          if (connecting.waiting === 0) this.#cancel(connecting)
          reject(new UnreachableError(`Not connected within ${ms} ms`, { code: 'ILP_WRAP_CONNECT_TIMEOUT' }))
        },
        Math.max(0, ms)
      )
      connecting.done
        .finally(() => {
          systemClock.clearTimeout(timer)
        })
        .then(resolve, reject)
    })
  }

  /**
   * Nobody waits for it any more. An instance that was connected before is kept, since it may come back. The next call
   * waits with it while its `connect` is open, else asks it again.
   */
  #cancel(connecting: Connecting): void {
    if (this.#connecting !== connecting) return
    const life = this.#life
    if ((life.state === 'lost' || life.state === 'up') && !life.stopWaiting()) return
    this.#overtake()
    if (life.state === 'connecting') this.#end(life, 'let go')
  }

  /** A `connect` that is under way, or waits for its turn, comes to nothing. */
  #overtake(): void {
    if (this.#connecting === undefined) return
    this.#connecting.cancelled = true
    this.#connecting = undefined
  }

  async #close(): Promise<void> {
    const life = this.#life
    this.#overtake()
    if (life.state === 'connecting') this.#end(life, 'let go')
    if (life.state === 'spent' || (life.state === 'new' && !life.connected)) return
    life.state = 'closing'
    try {
      await life.plugin.disconnect()
    } catch (error) {
      this.#end(life, 'let go')
      await this.#lettingGo
      throw error
    }
    this.#end(life, 'disconnected')
  }

  #tellConnect(args: readonly unknown[]): void {
    if (this.#toldConnect) return
    this.#toldConnect = true
    this.emit('connect', ...args)
  }

  #tellDisconnect(args: readonly unknown[]): void {
    if (!this.#toldConnect && !this.#knowsConnected) return
    this.#toldConnect = false
    this.#knowsConnected = false
    this.emit('disconnect', ...args)
  }

  // --------------------------------------------------------------------------------------------------------- instances

  #make(): Life {
    const plugin = this.#create()
    // refuses what is no v2 plugin, and says what it lacks
    assertPluginV2(plugin)
    if (plugin === this.#members.instance) throw new TypeError('Expected `create` to make another plugin each time')
    const life = new Life(plugin, this.#owner)
    this.#members.moveTo(plugin)
    for (const [name, relay] of this.#relays) reattach(plugin, name, relay)
    if (this.#dataHandler !== undefined) life.registerDataHandler()
    if (this.#moneyHandler !== undefined) life.registerMoneyHandler()
    return life
  }

  #end(life: Life, how: 'disconnected' | 'let go'): void {
    life.end()
    const { plugin } = life
    for (const [name, relay] of this.#relays) plugin.removeListener(name as string, relay)
    plugin.deregisterDataHandler()
    plugin.deregisterMoneyHandler()
    if (how === 'let go') {
      // the next one is made only once this one is gone, so there is one at a time
      this.#lettingGo = life.letGo().then(() => {
        this.#lettingGo = undefined
      })
    }
    if (this.#toldConnect) this.#tellDisconnect([])
    this.#knowsConnected = false
  }

  // ------------------------------------------------------------------------------------------------- packets and money

  sendData(data: Buffer): Promise<Buffer> {
    const life = this.#life
    return this.#isReachable(life)
      ? life.calls.track(
          promised(() => life.plugin.sendData(data)),
          unanswered
        )
      : unsent()
  }

  sendMoney(amount: string): Promise<void> {
    const life = this.#life
    return this.#isReachable(life)
      ? life.calls.track(
          promised(() => life.plugin.sendMoney(amount)),
          unanswered
        )
      : unsent()
  }

  /** Some instances say that they are not connected while they are: what was connected once is asked. */
  #isReachable(life: Life): boolean {
    const { state } = life
    if (state === 'up' || state === 'lost' || state === 'failed') return true
    return (state === 'new' || state === 'connecting') && life.connected
  }

  registerDataHandler(handler: DataHandler): void {
    if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
    if (this.#dataHandler !== undefined) {
      throw new DataHandlerAlreadyRegisteredError('A data handler is registered already')
    }
    if (this.#life.state !== 'spent') this.#life.registerDataHandler()
    this.#dataHandler = handler
  }

  deregisterDataHandler(): void {
    this.#dataHandler = undefined
    if (this.#life.state !== 'spent') this.#life.plugin.deregisterDataHandler()
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
    if (this.#moneyHandler !== undefined) {
      throw new MoneyHandlerAlreadyRegisteredError('A money handler is registered already')
    }
    if (this.#life.state !== 'spent') this.#life.registerMoneyHandler()
    this.#moneyHandler = handler
  }

  deregisterMoneyHandler(): void {
    this.#moneyHandler = undefined
    if (this.#life.state !== 'spent') this.#life.plugin.deregisterMoneyHandler()
  }

  // ------------------------------------------------------------------------------------------------------------ events

  override on(name: EventName, listener: Listener): this {
    super.on(name, listener)
    return this.#relay(name)
  }

  override addListener(name: EventName, listener: Listener): this {
    return this.on(name, listener)
  }

  override prependListener(name: EventName, listener: Listener): this {
    super.prependListener(name, listener)
    return this.#relay(name)
  }

  override removeListener(name: EventName, listener: Listener): this {
    super.removeListener(name, listener)
    return this.#relay(name)
  }

  override off(name: EventName, listener: Listener): this {
    return this.removeListener(name, listener)
  }

  override removeAllListeners(name?: EventName): this {
    if (name !== undefined) {
      super.removeAllListeners(name)
      return this.#relay(name)
    }
    // an emitter tells by the number of arguments that all are meant
    super.removeAllListeners()
    for (const each of [...this.#relays.keys()]) this.#relay(each)
    return this
  }

  /** Listens on the instance to what somebody listens to here. */
  #relay(name: EventName): this {
    // the first three are always listened to, the others an emitter makes for itself
    if (LOCAL.has(name)) return this
    const relay = this.#relays.get(name)
    if (this.listenerCount(name) > 0 && relay === undefined) {
      const made = (...args: unknown[]): unknown => this.emit(name, ...args)
      this.#relays.set(name, made)
      // the next instance gets it when it is made
      if (this.#life.state !== 'spent') this.#life.plugin.on(name as string, made)
    }
    if (this.listenerCount(name) === 0 && relay !== undefined) {
      this.#relays.delete(name)
      this.#life.plugin.removeListener(name as string, relay)
    }
    return this
  }
}

const LOCAL: ReadonlySet<EventName> = new Set(['connect', 'disconnect', 'error', 'newListener', 'removeListener'])

/** Never handed to an instance, which `errorOutcome` of core knows by `notSent`. */
function unsent(): Promise<never> {
  const error = new UnreachableError('Not connected', { code: 'ILP_WRAP_NOT_CONNECTED' })
  return Promise.reject(Object.assign(error, { notSent: true }))
}

/** It may have been sent, and the peer may have acted on it. */
function unanswered(): UnreachableError {
  return new UnreachableError('Disconnected before the answer came', { code: 'ILP_WRAP_UNANSWERED' })
}

function disconnected(): UnreachableError {
  return new UnreachableError('Disconnected while connecting', { code: 'ILP_WRAP_DISCONNECTED' })
}

function nobody(): Promise<never> {
  return Promise.reject(new UnreachableError('No handler is registered'))
}
