import { UnreachableError, systemClock } from '@ilp-wrap/core'
import type { ConnectOptions, DataHandler, EventName, Listener, MoneyHandler, PluginV2 } from '@ilp-wrap/core'
import { Calls, promised } from './calls.js'

/**
 * - `new`: not told to connect yet;
 * - `connecting`: for the first time;
 * - `up`, `lost`: connected, and no longer so but perhaps again, by itself;
 * - `failed`: it emitted `error` and must not be connected again (RFC 0024, "Event: `error`");
 * - `closing`: told to disconnect;
 * - `spent`: let go.
 */
export type LifeState = 'new' | 'connecting' | 'up' | 'lost' | 'failed' | 'closing' | 'spent'

/** How long an instance that is let go may take to disconnect before its successor is connected all the same. */
const LET_GO_MS = 1000

type Arguments = readonly unknown[]

/** Who has the instance: told of all it does, until it is let go. */
export interface Owner {
  onConnect(args: Arguments): void
  onDisconnect(args: Arguments): void
  onError(args: Arguments): void
  onData(data: Buffer): Promise<Buffer>
  onMoney(amount: string): Promise<void>
}

/** One instance, from `create()` until it is let go. */
export class Life {
  readonly plugin: PluginV2
  readonly calls: Calls = new Calls()
  state: LifeState = 'new'
  readonly #handleData: DataHandler
  readonly #handleMoney: MoneyHandler
  readonly #listeners: readonly (readonly [EventName, Listener])[]
  /** Who waits for the next `connect` of the instance's, or for its `error`. */
  #watchers: Watcher[] = []

  constructor(plugin: PluginV2, owner: Owner) {
    this.plugin = plugin
    this.#handleData = (data) => (this.state === 'spent' ? letGo() : owner.onData(data))
    this.#handleMoney = (amount) => (this.state === 'spent' ? letGo() : owner.onMoney(amount))
    const connect = (...args: unknown[]): void => {
      this.state = 'up'
      for (const { arrived } of this.#watchers) arrived()
      owner.onConnect(args)
    }
    const disconnect = (...args: unknown[]): void => {
      if (this.state === 'up') this.state = 'lost'
      owner.onDisconnect(args)
    }
    const error = (...args: unknown[]): void => {
      this.state = 'failed'
      for (const { failed } of this.#watchers) failed(args[0])
      owner.onError(args)
    }
    this.#listeners = Object.entries({ connect, disconnect, error })
    this.listen()
  }

  get connected(): boolean {
    // there are plugins that do not know before they have been connected
    const connected: unknown = this.state !== 'spent' && this.plugin.isConnected()
    return connected === true
  }

  /** Once each, also after the instance has removed all listeners from itself. */
  listen(): void {
    for (const [name, listener] of this.#listeners) reattach(this.plugin, name, listener)
  }

  /** Rejects when the instance's own `connect` does, on its `error`, and when it is let go. */
  async connect(options: ConnectOptions | undefined): Promise<void> {
    const known = this.state !== 'new'
    if (!known) this.state = 'connecting'
    let watcher: Watcher | undefined
    const event = new Promise<void>((arrived, failed) => {
      watcher = { answered: false, arrived, failed }
      this.#watchers.push(watcher)
    })
    const answer = promised(() => this.plugin.connect(options))
    const settled = (): void => {
      // the disconnect() with which it was let go meanwhile has not kept it from connecting
      if (this.state === 'spent' && this.plugin.isConnected()) void this.#disconnect()
    }
    answer.then(settled, settled)
    const own = answer.then(() => {
      if (!known || this.connected) return undefined
      // one that reconnects by itself may take a second `connect` for nothing to do
      ;(watcher as Watcher).answered = true
      return event
    })
    try {
      const failure = event.then(() => own)
      await this.calls.track(
        Promise.race([own, failure]),
        () => new UnreachableError('Disconnected while connecting', { code: 'ILP_WRAP_DISCONNECTED' })
      )
    } finally {
      this.#watchers = this.#watchers.filter((each) => each !== watcher)
    }
    if (this.state === 'connecting') this.state = 'up'
  }

  /** Ends the wait for an instance whose own `connect` has left it where it was; false for one that is still at it. */
  stopWaiting(): boolean {
    const idle = this.#watchers.filter(({ answered }) => answered)
    for (const { failed } of idle) failed(new UnreachableError('Not connected in time'))
    return idle.length > 0
  }

  registerDataHandler(): void {
    this.plugin.registerDataHandler(this.#handleData)
  }

  registerMoneyHandler(): void {
    this.plugin.registerMoneyHandler(this.#handleMoney)
  }

  /** Nothing that the instance does from now on is heard, and what it has not answered is given up. */
  end(): void {
    this.state = 'spent'
    for (const [name, listener] of this.#listeners) this.plugin.removeListener(name as string, listener)
    // without a listener, an `error` that it still emits would be thrown, perhaps where nothing can catch it
    this.plugin.on('error', () => undefined)
    this.calls.abandon()
  }

  /** Makes an ended instance give back its sockets. What goes wrong is of no interest any more. */
  letGo(): Promise<void> {
    return new Promise((resolve) => {
      const timer = systemClock.setTimeout(resolve, LET_GO_MS)
      void this.#disconnect().then(() => {
        systemClock.clearTimeout(timer)
        resolve()
      })
    })
  }

  async #disconnect(): Promise<void> {
    // one that fails may have stopped halfway: ilp-plugin-btp closes its sockets after what can throw
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await this.plugin.disconnect()
        return
      } catch {
        continue
      }
    }
  }
}

interface Watcher {
  /** The instance's own `connect` has resolved, and left it where it was. */
  answered: boolean
  readonly arrived: () => void
  readonly failed: (error: unknown) => void
}

/** Attaches a listener, or, if it is attached, leaves it at one. */
export function reattach(plugin: PluginV2, name: EventName, listener: Listener): void {
  plugin.removeListener(name as string, listener)
  plugin.on(name as string, listener)
}

function letGo(): Promise<never> {
  return Promise.reject(new UnreachableError('This plugin has been disconnected'))
}
