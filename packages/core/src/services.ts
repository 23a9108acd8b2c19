import { systemClock } from './clock.js'
import type { Clock } from './clock.js'
import type { Log, Store } from './contract.js'
import { DebugLog, GuardedLog } from './log.js'
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
  #guarded: Log | undefined

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

  /** The host's log, or else `debug` under `ilp-wrap:<account>:<name>`. It never throws. */
  logFor(name: string): Log {
    if (this.log === undefined) return new DebugLog(`ilp-wrap:${this.account ?? 'plugin'}:${name}`)
    return (this.#guarded ??= new GuardedLog(this.log))
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
