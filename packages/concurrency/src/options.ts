import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import { amount, integer, known, milliseconds } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'

/** The limits of one direction. */
export interface Limits {
  /**
   * How many may be in flight at once. Default: 1000. That is what 10,000 packets a second (the default of `rateLimit`)
   * come to when each is answered after 100 ms, or 50 STREAM senders, who have 20 in flight each.
   */
  readonly limit?: number
  /** How many may wait for one of those to be answered; 0: none. Default: 1000. */
  readonly maxQueued?: number
  /** Base units that the waiting prepares may hold in sum. Default: no limit. */
  readonly maxQueuedAmount?: Amount
  /** Milliseconds that one may wait, at most. Default: 30000, what connectors hold a packet at most. */
  readonly maxWaitMs?: number
  /** Milliseconds before its expiry that a prepare must go by. Default: 1000, the least that connectors ask for. */
  readonly marginMs?: number
  /** Milliseconds after which other data, which has no expiry, counts no longer, answered or not. Default: 30000. */
  readonly timeoutMs?: number
}

export interface ConcurrencyOptions {
  /** Requests from the peer, or `false` for no limit. Default: the defaults of its limits. */
  readonly incoming?: Limits | false
  /** Requests to the peer, or `false` for no limit. Default: as `incoming`. */
  readonly outgoing?: Limits | false
}

/** The limits of one direction, checked. */
export interface Config {
  readonly limit: number
  readonly maxQueued: number
  /** Undefined: no limit. */
  readonly maxQueuedAmount: bigint | undefined
  readonly maxWaitMs: number
  readonly marginMs: number
  readonly timeoutMs: number
}

/** An absent direction has no limit. */
export interface Configs {
  readonly incoming?: Config
  readonly outgoing?: Config
}

const LIMITS = ['limit', 'maxQueued', 'maxQueuedAmount', 'maxWaitMs', 'marginMs', 'timeoutMs'] as const

const DEFAULTS: Config = {
  limit: 1000,
  maxQueued: 1000,
  maxQueuedAmount: undefined,
  // RFC 0027 has no limit; ilp-connector holds a packet for 30 s, and wants 1 s to be left (maxHoldTime,
  // minMessageWindow)
  maxWaitMs: 30_000,
  marginMs: 1000,
  timeoutMs: 30_000
}

/** Throws InvalidFieldsError on an option that is unknown or wrong. */
export function validated(options: ConcurrencyOptions | undefined): Configs {
  const { incoming = {}, outgoing = {} } = known(options, ['incoming', 'outgoing'])
  return {
    ...(incoming !== false && { incoming: changed(DEFAULTS, incoming, 'incoming') }),
    ...(outgoing !== false && { outgoing: changed(DEFAULTS, outgoing, 'outgoing') })
  }
}

/** What results when some of the limits change. */
export function changed(config: Config, limits: Limits, path: string): Config {
  const given = known(limits, LIMITS, path)
  const maxQueuedAmount = given.maxQueuedAmount ?? config.maxQueuedAmount
  const ms = (name: 'maxWaitMs' | 'marginMs' | 'timeoutMs', bounds?: { min?: number; max?: number }): number =>
    milliseconds(`${path}.${name}`, given[name] ?? config[name], bounds)
  return {
    limit: integer(`${path}.limit`, given.limit ?? config.limit, { min: 1 }),
    maxQueued: integer(`${path}.maxQueued`, given.maxQueued ?? config.maxQueued),
    maxQueuedAmount:
      maxQueuedAmount === undefined ? undefined : amount(`${path}.maxQueuedAmount`, maxQueuedAmount, { min: 0n }),
    maxWaitMs: ms('maxWaitMs', { max: MAX_TIMEOUT_MS }),
    marginMs: ms('marginMs'),
    timeoutMs: ms('timeoutMs', { min: 1 })
  }
}
