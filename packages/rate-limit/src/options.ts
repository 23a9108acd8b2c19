import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { amount, badOption, callable, choice, integer, known, milliseconds } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import { Rate } from './bucket.js'
import type { Limits } from './bucket.js'
import type { Limiter } from './limiter.js'

export interface IncomingOptions extends Partial<Limits> {
  /** What is over the limit is refused. Default: 'reject', and there is no other for packets that came already. */
  readonly mode?: 'reject'
}

export interface OutgoingOptions extends Partial<Limits> {
  /** What is over the limit is refused, or waits for its turn. Default: 'reject'. */
  readonly mode?: 'reject' | 'wait'
  /** How many packets may wait. Default: 1000. */
  readonly maxWaiting?: number
  /** Base units that the waiting packets may hold in sum. Default: no limit. */
  readonly maxWaitingAmount?: Amount
  /** Milliseconds that a packet may wait, at most. Default: 30000, what connectors hold a packet at most. */
  readonly maxWaitMs?: number
  /** Milliseconds before its expiry that a packet must go by. Default: 1000, the least that connectors ask for. */
  readonly marginMs?: number
}

export interface RateLimitOptions {
  /** Packets from the peer, or `false` for no limit. Default: 10000 at once, and 10000 more per 1000 ms. */
  readonly incoming?: IncomingOptions | false
  /** Packets to the peer, or `false` for no limit. Default: as `incoming`. */
  readonly outgoing?: OutgoingOptions | false
  /** Packets to addresses `peer.…`, in a bucket of their own per direction; `false`: no limit. Default: 100 per 1000 ms. */
  readonly peer?: Partial<Limits> | false
  /** Calls of `sendMoney`. Default: no limit. Money that comes is never refused. */
  readonly money?: Limits
  /**
   * Gives packets with the same key a bucket of their own, with the limits of their direction; those without a key
   * (`undefined`) share one. What it throws, the caller gets.
   */
  readonly key?: (data: Buffer, direction: Direction) => string | undefined
  /** How many keys may have a bucket, in each direction. Default: 1000. */
  readonly maxKeys?: number
  /** Stands in for the buckets, those of `peer` and `money` aside; then the limits are its own. */
  readonly limiter?: Limiter
  /** What becomes of a packet when the limiter fails. Default: 'allow'. */
  readonly onLimiterError?: 'allow' | 'reject'
  /** Milliseconds after which a limiter that does not answer has failed. Default: 1000. */
  readonly limiterTimeoutMs?: number
}

/** The options of one direction, checked, and the same for all plugins. */
export interface HalfConfig {
  readonly direction: Direction
  readonly rate: Rate
  /** Undefined: no limit. */
  readonly peerRate: Rate | undefined
  readonly key: ((data: Buffer, direction: Direction) => string | undefined) | undefined
  readonly maxKeys: number
  readonly limiter: LimiterConfig | undefined
  /** Undefined: what is over the limit is refused. */
  readonly waiting: WaitingConfig | undefined
}

export interface LimiterConfig {
  readonly limiter: Limiter
  readonly onError: 'allow' | 'reject'
  readonly timeoutMs: number
}

export interface WaitingConfig {
  readonly maxWaiting: number
  readonly maxAmount: bigint | undefined
  readonly maxWaitMs: number
  readonly marginMs: number
}

export interface Config {
  readonly incoming: HalfConfig | undefined
  readonly outgoing: HalfConfig | undefined
  readonly moneyRate: Rate | undefined
}

const LIMITS = ['capacity', 'refillCount', 'refillMs'] as const
const DEFAULTS: Limits = { capacity: 10_000, refillCount: 10_000, refillMs: 1000 }
// routes and ILDCP take a few packets a minute
const PEER_DEFAULTS: Limits = { capacity: 100, refillCount: 100, refillMs: 1000 }

/** Throws InvalidFieldsError on an option that is unknown or wrong. */
export function validated(options: RateLimitOptions | undefined): Config {
  const given = known(options, [
    'incoming',
    'outgoing',
    'peer',
    'money',
    'key',
    'maxKeys',
    'limiter',
    'onLimiterError',
    'limiterTimeoutMs'
  ])
  const limiter = limiterOf(given)
  const shared = {
    peerRate:
      given.peer === false ? undefined : new Rate(merged(PEER_DEFAULTS, known(given.peer, LIMITS, 'peer')), 'peer'),
    key: given.key === undefined ? undefined : callable('key', given.key),
    maxKeys: integer('maxKeys', given.maxKeys ?? 1000, { min: 1 }),
    limiter
  }
  return {
    incoming: given.incoming === false ? undefined : { ...shared, ...incomingOf(given.incoming, limiter) },
    outgoing: given.outgoing === false ? undefined : { ...shared, ...outgoingOf(given.outgoing, limiter) },
    moneyRate: given.money === undefined ? undefined : new Rate(known(given.money, LIMITS, 'money'), 'money')
  }
}

/** The rate that results when some of its limits change. */
export function changed(rate: Rate, limits: Partial<Limits>, path: string): Rate {
  return new Rate(merged(rate.limits, known(limits, LIMITS, path)), path)
}

function merged(limits: Limits, given: Partial<Limits>): Limits {
  return {
    capacity: given.capacity ?? limits.capacity,
    refillCount: given.refillCount ?? limits.refillCount,
    refillMs: given.refillMs ?? limits.refillMs
  }
}

type Own = Pick<HalfConfig, 'direction' | 'rate' | 'waiting'>

function incomingOf(options: IncomingOptions | undefined, limiter: LimiterConfig | undefined): Own {
  const given = known(options, [...LIMITS, 'mode'], 'incoming')
  choice('incoming.mode', given.mode ?? 'reject', ['reject'])
  return { direction: 'incoming', rate: rateOf(given, limiter, 'incoming'), waiting: undefined }
}

function outgoingOf(options: OutgoingOptions | undefined, limiter: LimiterConfig | undefined): Own {
  const names = [...LIMITS, 'mode', 'maxWaiting', 'maxWaitingAmount', 'maxWaitMs', 'marginMs'] as const
  const given = known(options, names, 'outgoing')
  const { maxWaitingAmount } = given
  const waiting: WaitingConfig = {
    maxWaiting: integer('outgoing.maxWaiting', given.maxWaiting ?? 1000, { min: 1 }),
    maxAmount:
      maxWaitingAmount === undefined ? undefined : amount('outgoing.maxWaitingAmount', maxWaitingAmount, { min: 0n }),
    // RFC 0027 has no limit; connectors hold a packet for 30 s and want 1 s to be left (ilp-connector: maxHoldTime,
    // minMessageWindow)
    maxWaitMs: milliseconds('outgoing.maxWaitMs', given.maxWaitMs ?? 30_000, { max: MAX_TIMEOUT_MS }),
    marginMs: milliseconds('outgoing.marginMs', given.marginMs ?? 1000)
  }
  const mode = choice('outgoing.mode', given.mode ?? 'reject', ['reject', 'wait'])
  return {
    direction: 'outgoing',
    rate: rateOf(given, limiter, 'outgoing'),
    waiting: mode === 'wait' ? waiting : undefined
  }
}

function rateOf(given: Partial<Limits>, limiter: LimiterConfig | undefined, path: string): Rate {
  for (const name of LIMITS) {
    if (limiter !== undefined && given[name] !== undefined) {
      badOption(`${path}.${name}`, 'absent, as `limiter` has limits of its own', given[name])
    }
  }
  return new Rate(merged(DEFAULTS, given), path)
}

function limiterOf(given: RateLimitOptions): LimiterConfig | undefined {
  const onError = choice('onLimiterError', given.onLimiterError ?? 'allow', ['allow', 'reject'])
  const timeoutMs = milliseconds('limiterTimeoutMs', given.limiterTimeoutMs ?? 1000, { min: 1 })
  const { limiter } = given
  if (limiter === undefined) return undefined
  const consume: unknown = (limiter as Partial<Limiter> | null)?.consume
  if (typeof consume !== 'function') badOption('limiter', 'an object with a method `consume`', limiter)
  return { limiter, onError, timeoutMs }
}
