import type { MonoTypeOperatorFunction, Observable } from 'rxjs'
import type { Clock } from './clock.js'
import type { ConnectOptions, Log, PluginV2, Store } from './contract.js'
import type { PluginEventInput, PluginEvent } from './events.js'

/**
 * A function that takes a plugin and returns a plugin. `In` is what it takes: v2 plugins, but for `compat()`.
 * A context that is not given is the inner plugin's.
 */
export type Middleware<In extends object = PluginV2> = (plugin: In, context?: Context) => PluginV2

/** What a stack shares. A layer that is made without one of them takes the inner layer's. */
export interface Context {
  /** A name for logs, stores and metrics. */
  account?: string
  /** The host's key-value store (RFC 0024, "Store"). */
  store?: Store
  /** The host's log (RFC 0024, "Log"). Default: `debug` under `ilp-wrap:<account>`. */
  log?: Log
  /** Default: the machine's own. What is left out of it is the machine's own, too. */
  clock?: Partial<Clock>
}

/**
 * Where a middleware belongs in one direction, seen from the books: 'inside' is towards the wire.
 * 'any' costs work, not money, wherever it stands.
 */
export type Zone = 'wire' | 'inside-books' | 'books' | 'outside-books' | 'any'

/** An absent direction means that the middleware does nothing there. */
export interface Place {
  incoming?: Zone
  outgoing?: Zone
}

/** `connect`, `disconnect` or `error` of the inner plugin, on its way to the host. */
export interface LifecycleEvent {
  readonly type: 'connect' | 'disconnect' | 'error'
  readonly args: readonly unknown[]
}

/**
 * What a middleware does, named for the contract's own methods; all are optional, and an absent one costs nothing.
 * `next` goes on towards the wire (send…, connect, disconnect) or towards the host (handle…), may be called more than
 * once, and always returns a promise. A hook may throw; the caller gets a rejection.
 */
export interface Hooks {
  readonly sendData?: ((data: Buffer, next: (data: Buffer) => Promise<Buffer>) => Promise<Buffer>) | undefined
  readonly handleData?: ((data: Buffer, next: (data: Buffer) => Promise<Buffer>) => Promise<Buffer>) | undefined
  readonly sendMoney?: ((amount: string, next: (amount: string) => Promise<void>) => Promise<void>) | undefined
  readonly handleMoney?: ((amount: string, next: (amount: string) => Promise<void>) => Promise<void>) | undefined
  readonly connect?:
    | ((
        options: ConnectOptions | undefined,
        next: (options: ConnectOptions | undefined) => Promise<void>
      ) => Promise<void>)
    | undefined
  readonly disconnect?: ((next: () => Promise<void>) => Promise<void>) | undefined
  /**
   * The layer's place in the pipeline of connect, disconnect and error. It may suppress or delay an event. It is subscribed
   * to with the first of them.
   */
  readonly lifecycle?: MonoTypeOperatorFunction<LifecycleEvent> | undefined
  /** What `handleOf(plugin, name)` gives: the middleware's own controls. */
  readonly handle?: object | undefined
  /** Ends timers and subscriptions; called once, by `unwrap`. */
  readonly dispose?: (() => void) | undefined
}

/** What a middleware has to work with, once per wrapped plugin. */
export interface Setup {
  /** The plugin beneath. */
  readonly plugin: PluginV2
  /** The stack's name, undefined if it has none. */
  readonly account: string | undefined
  /** Sends an event to the stack's observers, its `source` and `at` filled in. Hot code asks `events.observed` first. */
  readonly emit: (event: PluginEventInput) => void
  /** The stack's events. */
  readonly events: Observable<PluginEvent> & { readonly observed: boolean }
  /** Never throws: what the host's own throws costs its line. */
  readonly log: Log
  readonly store: Store | undefined
  readonly clock: Clock
  /** What the plugin and the layers beneath have declared of themselves. */
  readonly traits: ReadonlySet<string>
  /** The controls of the nearest layer beneath that has this name and offers any: the other half, as a rule. */
  beneath(name: string): object | undefined
}

export interface Definition {
  /** Kebab-case; the package's name. */
  readonly name: string
  readonly place: Place
  /** What layers above may want to know: `'transfers-settle'`. */
  readonly traits?: readonly string[]
  /** Services without which it cannot work: making the layer throws InvalidServicesError. */
  readonly needs?: readonly ('account' | 'store')[]
}
