import { Deadlines, MAX_TIMEOUT_MS, defineMiddleware } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { boolean, integer, known, milliseconds } from '@ilp-wrap/core/options'
import { Side } from './side.js'
import { Sweeper } from './sweeper.js'

export interface DedupeOptions {
  /** Looks for repeated packets to the peer. Default: true, but false beside `incoming: true`. */
  readonly outgoing?: boolean
  /** Looks for repeated packets from the peer. Default: false. */
  readonly incoming?: boolean
  /** How many fulfills are kept, and how many packets in flight are known, in each direction. Default: 10000. */
  readonly maxEntries?: number
  /** Bytes that those fulfills may take, and again those packets, in each direction. Default: 8388608 (8 MiB). */
  readonly maxBytes?: number
  /**
   * Milliseconds until the expiry that count, so that nobody fills the memory with packets that expire in a year.
   * Default: 30000, as long as connectors hold a packet at most.
   */
  readonly maxHoldMs?: number
  /** Milliseconds that a fulfill is kept after the expiry, as clocks differ. Default: 5000. */
  readonly graceMs?: number
}

export const minimalOptions: DedupeOptions = {}

/**
 * Sends a repeated prepare once: the others get the answer of the first, while it is in flight and, if it was fulfilled,
 * until some time after its expiry. A prepare repeats another if it differs in nothing but amount and expiry, and asks
 * for no more and no later. By default it does so for packets to the peer.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function dedupe(options?: DedupeOptions): Middleware {
  const config = validated(options)
  const { incoming, outgoing } = config
  const place = {
    ...(incoming && { incoming: 'inside-books' as const }),
    ...(outgoing && { outgoing: 'outside-books' as const })
  }
  return defineMiddleware({ name: 'dedupe', place }, (setup) => new Dedupe(config, setup))
}

type Config = Required<DedupeOptions>

function validated(options: DedupeOptions | undefined): Config {
  const given = known(options, ['outgoing', 'incoming', 'maxEntries', 'maxBytes', 'maxHoldMs', 'graceMs'])
  const incoming = boolean('incoming', given.incoming ?? false)
  return {
    incoming,
    outgoing: boolean('outgoing', given.outgoing ?? !incoming),
    maxEntries: integer('maxEntries', given.maxEntries ?? 10_000, { min: 1, max: MAX_ENTRIES }),
    maxBytes: integer('maxBytes', given.maxBytes ?? 8 * 1024 * 1024, { min: 1 }),
    maxHoldMs: milliseconds('maxHoldMs', given.maxHoldMs ?? 30_000, { min: 1 }),
    graceMs: milliseconds('graceMs', given.graceMs ?? 5000)
  }
}

/** A Map holds no more. */
const MAX_ENTRIES = 2 ** 24

type Next = (data: Buffer) => Promise<Buffer>

/** A hook that the options do not ask for is not there, and costs nothing. */
class Dedupe implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly #deadlines: Deadlines
  readonly #sweeper: Sweeper
  readonly #outgoing: Side | undefined
  readonly #incoming: Side | undefined

  constructor(config: Config, setup: Setup) {
    const everyMs = Math.min(config.maxHoldMs + config.graceMs, MAX_TIMEOUT_MS)
    this.#deadlines = new Deadlines(setup.clock)
    this.#sweeper = new Sweeper(setup.clock, everyMs, () => {
      const outgoing = this.#outgoing?.sweep() ?? false
      const incoming = this.#incoming?.sweep() ?? false
      return outgoing || incoming
    })
    if (config.outgoing) {
      this.#outgoing = new Side('outgoing', config, setup, this.#deadlines, this.#sweeper)
      this.sendData = Dedupe.#sendData
    }
    if (config.incoming) {
      this.#incoming = new Side('incoming', config, setup, this.#deadlines, this.#sweeper)
      this.handleData = Dedupe.#handleData
    }
  }

  connect(
    options: ConnectOptions | undefined,
    next: (options: ConnectOptions | undefined) => Promise<void>
  ): Promise<void> {
    this.#deadlines.open()
    this.#sweeper.open()
    return next(options)
  }

  /** What was fulfilled stays so: a packet that is repeated over the next connection is not sent again. */
  disconnect(next: () => Promise<void>): Promise<void> {
    this.dispose()
    return next()
  }

  dispose(): void {
    this.#deadlines.close()
    this.#sweeper.close()
  }

  static #sendData(this: Dedupe, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#outgoing as Side).pass(data, next)
  }

  static #handleData(this: Dedupe, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#incoming as Side).pass(data, next)
  }
}
