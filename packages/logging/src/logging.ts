import { defineMiddleware } from '@ilp-wrap/core'
import type { Hooks, LifecycleEvent, Log, Middleware, Place, PluginEvent, Setup } from '@ilp-wrap/core'
import { badOption, boolean, callable, choice, known, number } from '@ilp-wrap/core/options'
import { isFulfill, prepareAmount, prepareDestination, rejectCode } from '@ilp-wrap/core/packet'
import { tap } from 'rxjs'
import type { MonoTypeOperatorFunction, Subscription } from 'rxjs'
import { OUTCOMES, errorCode, errorName, formatEntry } from './entry.js'
import type { Direction, Level, LogEntry, Outcome } from './entry.js'

export interface LoggingOptions {
  /** Log what comes in. Default true. */
  incoming?: boolean
  /** Log what goes out. Default true. */
  outgoing?: boolean
  /** Log connect, disconnect and error. Default: as `outgoing`, so that two of them in a list do not log it twice. */
  connections?: boolean
  /** The middleware whose events are lines of their own. Default: `['retry']` with `outgoing`, else none. */
  events?: readonly string[] | false
  /** Where the lines go: any logger with the four levels. Default: the context's log, or `debug` as `ilp-wrap:<account>:logging`. */
  log?: Log
  /**
   * Level by outcome, `false` for no line. Default: `debug` for `fulfilled`, `answered` and `event`, `info` for
   * `rejected`, `money` and `connection`, `warn` for `failed`.
   */
  levels?: Partial<Record<Outcome, Level | false>>
  /** Share of lines to write by outcome, from 0 to 1: 0.01 writes each hundredth. Default 1. */
  sample?: Partial<Record<Outcome, number>>
  /** Makes the line. It gets no data and no secrets to print. */
  format?: (entry: LogEntry) => string
}

/** The smallest valid options. */
export const minimalOptions: LoggingOptions = {}

const LEVELS: Readonly<Record<Outcome, Level>> = {
  fulfilled: 'debug',
  rejected: 'info',
  answered: 'debug',
  failed: 'warn',
  money: 'info',
  connection: 'info',
  event: 'debug'
}

interface Settings {
  readonly incoming: boolean
  readonly outgoing: boolean
  readonly connections: boolean
  readonly sources: readonly string[]
  readonly log: Log | undefined
  readonly levels: Readonly<Record<Outcome, Level | false>>
  readonly sample: Readonly<Partial<Record<Outcome, number>>>
  readonly format: (entry: LogEntry) => string
}

/**
 * Logs connections, packets and money, one line per exchange, never their content (RFC 0024, "Log": no credentials).
 * A log that is off costs one check, and a log that throws costs its line.
 *
 * @throws InvalidFieldsError for a bad or unknown option
 */
export function logging(options?: LoggingOptions): Middleware {
  const settings = read(options)
  const { incoming, outgoing } = settings
  const place: Place = { ...(incoming && { incoming: 'any' }), ...(outgoing && { outgoing: 'any' }) }
  return defineMiddleware({ name: 'logging', place }, (setup) => new Logging(settings, setup))
}

class Logging implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly sendMoney: Hooks['sendMoney']
  readonly handleMoney: Hooks['handleMoney']
  readonly lifecycle: MonoTypeOperatorFunction<LifecycleEvent> | undefined
  readonly #settings: Settings
  readonly #setup: Setup
  readonly #log: Log
  readonly #due: Partial<Record<Outcome, number>> = {}
  #subscription: Subscription | undefined

  constructor(settings: Settings, setup: Setup) {
    this.#settings = settings
    this.#setup = setup
    this.#log = settings.log ?? setup.log
    // shared by all plugins: a hook is called with its object as `this`
    if (settings.outgoing) {
      this.sendData = Logging.#sendData
      this.sendMoney = Logging.#sendMoney
    }
    if (settings.incoming) {
      this.handleData = Logging.#handleData
      this.handleMoney = Logging.#handleMoney
    }
    if (settings.connections) {
      this.lifecycle = tap(({ type, args }) => {
        if (!this.#on) return
        this.#write({ outcome: 'connection', name: type, ...(type === 'error' && { error: errorName(args[0]) }) })
      })
    }
    // an observer makes the whole stack build its events, so there is none while nothing would be written
    if (settings.sources.length > 0 && settings.levels.event !== false && this.#on) {
      this.#subscription = setup.events.subscribe((event) => {
        this.#event(event)
      })
    }
  }

  dispose(): void {
    this.#subscription?.unsubscribe()
  }

  get #on(): boolean {
    try {
      return this.#log.enabled !== false
    } catch {
      return false
    }
  }

  static #sendData(this: Logging, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    return this.#data('outgoing', data, next)
  }

  static #handleData(this: Logging, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    return this.#data('incoming', data, next)
  }

  static #sendMoney(this: Logging, amount: string, next: Next<string, void>): Promise<void> {
    return this.#money('outgoing', amount, next)
  }

  static #handleMoney(this: Logging, amount: string, next: Next<string, void>): Promise<void> {
    return this.#money('incoming', amount, next)
  }

  #data(direction: Direction, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    if (!this.#on) return next(data)
    const about = { direction, ...subject(data) }
    const isPacket = about.amount !== undefined
    return this.#timed(about, data, next, (reply) => (isPacket ? told(reply) : { outcome: 'answered' }))
  }

  #money(direction: Direction, amount: string, next: Next<string, void>): Promise<void> {
    return this.#on ? this.#timed({ direction, amount }, amount, next, () => ({ outcome: 'money' })) : next(amount)
  }

  /** Passes an exchange on, and writes its line once it has ended. */
  #timed<In, Out>(about: About, input: In, next: Next<In, Out>, ended: (value: Out) => Told): Promise<Out> {
    const { clock } = this.#setup
    const start = clock.monotonic()
    const end = next(input)
    end.then(
      (value) => {
        this.#write({ ...about, ...ended(value), durationMs: clock.monotonic() - start })
      },
      (error: unknown) => {
        this.#write({ ...about, ...failed(error), durationMs: clock.monotonic() - start })
      }
    )
    return end
  }

  #event(event: PluginEvent): void {
    // no package's events are known here, only that each has a source and a type
    const { source, type } = event as { source: string; type: string }
    if (!this.#on || !this.#settings.sources.includes(source)) return
    this.#write({ outcome: 'event', name: `${source} ${type}`, event })
  }

  /** Never throws: a packet's way must not end at its log. */
  #write(entry: LogEntry): void {
    const { levels, format } = this.#settings
    const level = levels[entry.outcome]
    if (level === false || !this.#isDue(entry.outcome)) return
    try {
      this.#log[level]('%s', format(entry))
    } catch {
      // there is nobody left to tell
    }
  }

  /** Whether this line is one of the sampled ones: evenly spread, the first included. */
  #isDue(outcome: Outcome): boolean {
    const share = this.#settings.sample[outcome] ?? 1
    if (share === 0 || share === 1) return share === 1
    const due = (this.#due[outcome] ?? 1 - share) + share
    // a little below 1, for shares that no double can hold
    const now = due >= 1 - 1e-9
    this.#due[outcome] = now ? due - 1 : due
    return now
  }
}

type Next<In, Out> = (input: In) => Promise<Out>
type About = Pick<LogEntry, 'direction' | 'amount' | 'destination' | 'bytes'>
type Told = Pick<LogEntry, 'outcome' | 'code' | 'error'>

/** What the answer to a prepare tells. */
function told(reply: Buffer): Told {
  if (isFulfill(reply)) return { outcome: 'fulfilled' }
  const code = rejectCode(reply)
  return code === undefined ? { outcome: 'answered' } : { outcome: 'rejected', code }
}

function failed(error: unknown): Told {
  const code = errorCode(error)
  return { outcome: 'failed', ...(code !== undefined && { code }), error: errorName(error) }
}

/** What an exchange was about: amount and destination of a prepare, the size of other data. */
function subject(data: Buffer): Pick<LogEntry, 'amount' | 'destination' | 'bytes'> {
  const amount = prepareAmount(data)
  const destination = prepareDestination(data)
  if (amount !== undefined && destination !== undefined) return { amount, destination }
  // a peer may hand over what is no data at all
  return data instanceof Uint8Array ? { bytes: data.length } : {}
}

function read(given: LoggingOptions | undefined): Settings {
  const options = known(given, ['incoming', 'outgoing', 'connections', 'events', 'log', 'levels', 'sample', 'format'])
  const outgoing = boolean('outgoing', options.outgoing ?? true)
  return {
    incoming: boolean('incoming', options.incoming ?? true),
    outgoing,
    connections: boolean('connections', options.connections ?? outgoing),
    sources: sources(options.events ?? (outgoing ? ['retry'] : false)),
    log: options.log === undefined ? undefined : logger(options.log),
    levels: levels(options.levels),
    sample: sample(options.sample),
    format: options.format === undefined ? formatEntry : callable('format', options.format)
  }
}

function sources(value: readonly string[] | false): readonly string[] {
  if (value === false) return []
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  badOption('events', 'a list of middleware names or false', value)
}

function logger(value: Log): Log {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof (value as Partial<Log> | null)?.[level] !== 'function') {
      badOption('log', 'a logger with the methods debug, info, warn and error', value)
    }
  }
  return value
}

function levels(given: LoggingOptions['levels']): Record<Outcome, Level | false> {
  const found: Record<Outcome, Level | false> = { ...LEVELS }
  for (const [outcome, level] of Object.entries(known(given, OUTCOMES, 'levels'))) {
    found[outcome as Outcome] =
      level === false ? false : choice(`levels.${outcome}`, level, ['debug', 'info', 'warn', 'error'])
  }
  return found
}

function sample(given: LoggingOptions['sample']): Partial<Record<Outcome, number>> {
  const found = known(given, OUTCOMES, 'sample')
  for (const [outcome, share] of Object.entries(found)) number(`sample.${outcome}`, share, { min: 0, max: 1 })
  return found
}
