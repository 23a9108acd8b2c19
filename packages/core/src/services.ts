import createDebug from 'debug'
import type { Debugger } from 'debug'
import { systemClock } from './clock.js'
import type { Clock } from './clock.js'
import type { Log, Store } from './contract.js'
import { EventStream } from './stream.js'
import type { Reporter } from './stream.js'
import type { PluginEvent } from './events.js'
import type { Context } from './middleware.js'

/** What the layers of one stack share: its context, filled in, and its events. */
export class Services implements Reporter {
  readonly context: Context | undefined
  readonly account: string | undefined
  readonly store: Store | undefined
  readonly log: Log | undefined
  readonly clock: Clock
  readonly events: EventStream<PluginEvent>

  constructor(context: Context | undefined, inner: Services | undefined) {
    this.context = context
    this.account = context?.account ?? inner?.account
    this.store = context?.store ?? inner?.store
    this.log = context?.log ?? inner?.log
    this.clock = context?.clock === undefined ? (inner?.clock ?? systemClock) : fullClock(context.clock)
    this.events = inner?.events ?? new EventStream(this)
  }

  /** What an observer of the events threw. */
  report(error: unknown): void {
    this.logFor('core').error('an observer of the events threw: %O', error)
  }

  /** The host's log, or else `debug` under `ilp-wrap:<account>:<name>`. */
  logFor(name: string): Log {
    return this.log ?? new DebugLog(`ilp-wrap:${this.account ?? 'plugin'}:${name}`)
  }
}

function fullClock(clock: Partial<Clock>): Clock {
  if (clock.now !== undefined && clock.monotonic !== undefined && clock.setTimeout !== undefined) return clock as Clock
  const now = (): number => clock.now?.() ?? systemClock.now()
  return {
    now,
    // a clock that tests move knows no other time than its own
    monotonic: () => clock.monotonic?.() ?? (clock.now === undefined ? systemClock.monotonic() : now()),
    setTimeout: (callback, ms) => clock.setTimeout?.(callback, ms) ?? systemClock.setTimeout(callback, ms),
    clearTimeout: (timer) => {
      if (clock.clearTimeout === undefined) systemClock.clearTimeout(timer)
      else clock.clearTimeout(timer)
    }
  }
}

/** The log service over `debug`, which is made on the first line. */
class DebugLog implements Log {
  readonly #namespace: string
  #debug: Debugger | undefined

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  get enabled(): boolean {
    // undefined, whatever its type says, until `debug` has been told of any namespaces
    return (this.#debugger().enabled as boolean | undefined) === true
  }

  debug(message: string, ...args: unknown[]): void {
    this.#write(message, args)
  }

  info(message: string, ...args: unknown[]): void {
    this.#write(message, args)
  }

  warn(message: string, ...args: unknown[]): void {
    this.#write(message, args)
  }

  error(message: string, ...args: unknown[]): void {
    this.#write(message, args)
  }

  #write(message: string, args: unknown[]): void {
    this.#debugger()(message, ...args)
  }

  #debugger(): Debugger {
    this.#debug ??= createDebug(this.#namespace)
    return this.#debug
  }
}
