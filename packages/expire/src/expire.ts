import { Deadlines, defineMiddleware } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { boolean, known, milliseconds } from '@ilp-wrap/core/options'
import { prepareExpiresAt, withExpiresAt } from '@ilp-wrap/core/packet'
import { Side } from './side.js'

export interface ExpireOptions {
  /** Ends packets to the peer. Default: true, but false beside `incoming: true`. */
  readonly outgoing?: boolean
  /** Ends packets from the peer. Default: false. */
  readonly incoming?: boolean
  /** Outgoing prepares with less time left, in milliseconds, are answered with R02. Default: 0. */
  readonly minimumWindowMs?: number
  /** Outgoing prepares are sent with an expiry that is earlier by as many milliseconds. Default: 0. */
  readonly reduceMs?: number
  /** Outgoing prepares are sent with an expiry that is as many milliseconds away, at most. Default: no limit. */
  readonly maxHoldMs?: number
  /** Milliseconds that other data, which has no expiry, may wait for its answer. `Infinity`: for ever. Default: 30000. */
  readonly timeoutMs?: number
}

export const minimalOptions: ExpireOptions = {}

/**
 * Gives every packet an answer by its expiry: R00, if none has come by then. By default it does so for packets to the
 * peer, and does not send those that have expired.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function expire(options?: ExpireOptions): Middleware {
  const config = validated(options)
  const { incoming, outgoing } = config
  const place = {
    ...(incoming && { incoming: 'outside-books' as const }),
    ...(outgoing && { outgoing: 'inside-books' as const })
  }
  return defineMiddleware({ name: 'expire', place }, (setup) => new Expire(config, setup))
}

type Config = Required<ExpireOptions>

function validated(options: ExpireOptions | undefined): Config {
  const given = known(options, ['outgoing', 'incoming', 'minimumWindowMs', 'reduceMs', 'maxHoldMs', 'timeoutMs'])
  const incoming = boolean('incoming', given.incoming ?? false)
  const { maxHoldMs = Infinity, timeoutMs = 30_000 } = given
  return {
    incoming,
    outgoing: boolean('outgoing', given.outgoing ?? !incoming),
    minimumWindowMs: milliseconds('minimumWindowMs', given.minimumWindowMs ?? 0),
    reduceMs: milliseconds('reduceMs', given.reduceMs ?? 0),
    maxHoldMs: maxHoldMs === Infinity ? Infinity : milliseconds('maxHoldMs', maxHoldMs, { min: 1 }),
    timeoutMs: timeoutMs === Infinity ? Infinity : milliseconds('timeoutMs', timeoutMs, { min: 1 })
  }
}

type Next = (data: Buffer) => Promise<Buffer>

/** The last millisecond that a packet can name: four digits of a year. */
const LATEST = Date.UTC(10_000, 0, 1) - 1

/** A hook that the options do not ask for is not there, and costs nothing. */
class Expire implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly #config: Config
  readonly #deadlines: Deadlines
  readonly #outgoing: Side
  readonly #incoming: Side

  constructor(config: Config, setup: Setup) {
    this.#config = config
    this.#deadlines = new Deadlines(setup.clock)
    this.#outgoing = new Side('outgoing', config.timeoutMs, setup, this.#deadlines)
    this.#incoming = new Side('incoming', config.timeoutMs, setup, this.#deadlines)
    if (config.outgoing) this.sendData = Expire.#sendData
    if (config.incoming) this.handleData = Expire.#handleData
  }

  connect(
    options: ConnectOptions | undefined,
    next: (options: ConnectOptions | undefined) => Promise<void>
  ): Promise<void> {
    this.#deadlines.open()
    return next(options)
  }

  /** From now on a timer runs only while somebody waits. */
  disconnect(next: () => Promise<void>): Promise<void> {
    this.#deadlines.close()
    return next()
  }

  dispose(): void {
    this.#deadlines.close()
  }

  static #sendData(this: Expire, data: Buffer, next: Next): Promise<Buffer> {
    const side = this.#outgoing
    const expiresAt = prepareExpiresAt(data)
    if (expiresAt === undefined) return side.request(data, next)
    const now = side.setup.clock.now()
    if (expiresAt <= now) return side.refuse('R00', data)
    const { reduceMs, maxHoldMs, minimumWindowMs } = this.#config
    const sentExpiry = Math.min(expiresAt - reduceMs, now + maxHoldMs)
    if (sentExpiry <= now || sentExpiry - now < minimumWindowMs) return side.refuse('R02', data)
    if (sentExpiry === expiresAt) return side.send(data, expiresAt, next)
    const writable = Math.min(Math.floor(sentExpiry), LATEST)
    return side.send(withExpiresAt(data, writable), writable, next)
  }

  static #handleData(this: Expire, data: Buffer, next: Next): Promise<Buffer> {
    const side = this.#incoming
    const expiresAt = prepareExpiresAt(data)
    if (expiresAt === undefined) return side.request(data, next)
    if (expiresAt <= side.setup.clock.now()) return side.refuse('R00', data)
    return side.send(data, expiresAt, next)
  }
}
