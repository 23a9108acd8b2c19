import { balance } from '@ilp-wrap/balance'
import type { BalanceOptions } from '@ilp-wrap/balance'
import { circuitBreaker } from '@ilp-wrap/circuit-breaker'
import type { CircuitBreakerOptions } from '@ilp-wrap/circuit-breaker'
import { compat } from '@ilp-wrap/compat'
import type { CompatOptions } from '@ilp-wrap/compat'
import { concurrency } from '@ilp-wrap/concurrency'
import type { ConcurrencyOptions } from '@ilp-wrap/concurrency'
import { InvalidFieldsError } from '@ilp-wrap/core'
import type { Middleware, PluginV1, PluginV2 } from '@ilp-wrap/core'
import { badOption, known } from '@ilp-wrap/core/options'
import { dedupe } from '@ilp-wrap/dedupe'
import type { DedupeOptions } from '@ilp-wrap/dedupe'
import { errorToReject } from '@ilp-wrap/error-to-reject'
import type { ErrorToRejectOptions } from '@ilp-wrap/error-to-reject'
import { expire } from '@ilp-wrap/expire'
import type { ExpireOptions } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import type { LoggingOptions } from '@ilp-wrap/logging'
import { maxPacketAmount } from '@ilp-wrap/max-packet-amount'
import type { MaxPacketAmountOptions } from '@ilp-wrap/max-packet-amount'
import { metrics } from '@ilp-wrap/metrics'
import type { MetricsOptions } from '@ilp-wrap/metrics'
import { rateLimit } from '@ilp-wrap/rate-limit'
import type { RateLimitOptions } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import type { RetryOptions } from '@ilp-wrap/retry'
import { throughput } from '@ilp-wrap/throughput'
import type { ThroughputOptions } from '@ilp-wrap/throughput'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import type { ValidateFulfillmentOptions } from '@ilp-wrap/validate-fulfillment'

/**
 * The options of each part, as for that middleware alone; `false` leaves it out. One that acts on both directions stands
 * in the list once for each, and its own `incoming: false` or `outgoing: false` leaves out that half.
 */
export interface RecommendedOptions {
  /** Required, since nobody else can say what a peer may owe: at least `{ maximum }`. */
  readonly balance: BalanceOptions | false
  readonly compat?: CompatOptions | false
  readonly metrics?: MetricsOptions | false
  readonly logging?: LoggingOptions | false
  readonly rateLimit?: RateLimitOptions | false
  readonly concurrency?: ConcurrencyOptions | false
  /** Default: left out. */
  readonly maxPacketAmount?: MaxPacketAmountOptions | false
  /** Default: left out. */
  readonly throughput?: ThroughputOptions | false
  /** Default: both directions. */
  readonly dedupe?: DedupeOptions | false
  /** Default: both directions. */
  readonly validateFulfillment?: ValidateFulfillmentOptions | false
  /** Default: both directions. */
  readonly expire?: ExpireOptions | false
  readonly retry?: RetryOptions | false
  readonly circuitBreaker?: CircuitBreakerOptions | false
  readonly errorToReject?: ErrorToRejectOptions | false
}

const NAMES = [
  'balance',
  'compat',
  'metrics',
  'logging',
  'rateLimit',
  'concurrency',
  'maxPacketAmount',
  'throughput',
  'dedupe',
  'validateFulfillment',
  'expire',
  'retry',
  'circuitBreaker',
  'errorToReject'
] as const satisfies readonly (keyof RecommendedOptions)[]

/** What both versions of the interface can be wrapped with: `compat()` comes first, and lets v2 plugins pass as they are. */
export type RecommendedList = [Middleware<PluginV1 | PluginV2>, ...Middleware[]]

/**
 * The whole list for a connector's plugin, wire first, each middleware where it belongs: what a guard refuses touches no
 * books, one hold covers all attempts of a retry, a late or wrong fulfill never reaches the books, a repeated packet is
 * booked once, and the measures see everything. `docs/ordering.md` has the reasons.
 *
 * @throws InvalidFieldsError for an option that is unknown or wrong, which names the part, and when `balance` is missing
 */
export function recommended(options: RecommendedOptions): RecommendedList {
  const given = known<RecommendedOptions>(options, NAMES)
  if ((given as Partial<RecommendedOptions>).balance === undefined) {
    badOption('balance', 'an object with at least a `maximum`, or false', undefined)
  }
  const measures = halves('metrics', metrics, given.metrics)
  const logs = halves('logging', logging, given.logging)
  const rates = halves('rateLimit', rateLimit, given.rateLimit)
  const slots = halves('concurrency', concurrency, given.concurrency)
  const sizes = halves('maxPacketAmount', maxPacketAmount, given.maxPacketAmount ?? false)
  const amounts = throughputs(given.throughput ?? false)
  const repeats = halves('dedupe', dedupe, both(given.dedupe))
  const fulfillments = halves('validateFulfillment', validateFulfillment, both(given.validateFulfillment))
  const expiries = halves('expire', expire, both(given.expire))
  return [
    given.compat === false ? (plugin) => plugin as PluginV2 : made('compat', compat, given.compat),
    ...measures.incoming,
    ...logs.incoming,
    ...rates.incoming,
    ...slots.incoming,
    ...sizes.incoming,
    ...amounts.incoming,
    ...repeats.incoming,
    ...fulfillments.outgoing,
    ...expiries.outgoing,
    ...one('retry', retry, given.retry),
    ...one('balance', balance, given.balance),
    ...expiries.incoming,
    ...fulfillments.incoming,
    ...repeats.outgoing,
    ...amounts.outgoing,
    ...sizes.outgoing,
    ...rates.outgoing,
    ...slots.outgoing,
    ...one('circuitBreaker', circuitBreaker, breakerOptions(given)),
    ...measures.outgoing,
    ...logs.outgoing,
    ...one('errorToReject', errorToReject, given.errorToReject)
  ]
}

/** What `expire` ends earlier than the packet says is a timeout of this side, too. */
function breakerOptions({
  circuitBreaker: options,
  expire: expiry
}: RecommendedOptions): CircuitBreakerOptions | false {
  if (options === false) return false
  const { reduceMs } = expiry === undefined || expiry === false ? {} : expiry
  return { ...(reduceMs !== undefined && { timeoutMarginMs: reduceMs }), ...options }
}

interface Directed {
  readonly incoming?: unknown
  readonly outgoing?: unknown
}

interface Halves {
  readonly incoming: Middleware[]
  readonly outgoing: Middleware[]
}

/** Those that act on outgoing packets alone unless told otherwise act on both here. */
function both<O extends Directed>(options: O | false | undefined): O | false {
  return options === false ? false : { incoming: true, outgoing: true, ...(options as O) }
}

/** One middleware for each direction that the options do not switch off. */
function halves<O extends Directed>(
  name: string,
  make: (options: O) => Middleware,
  options: O | false | undefined
): Halves {
  if (options === false) return { incoming: [], outgoing: [] }
  const { incoming, outgoing } = options ?? {}
  return {
    incoming: incoming === false ? [] : [made(name, make, { ...(options as O), outgoing: false })],
    outgoing: outgoing === false ? [] : [made(name, make, { ...(options as O), incoming: false })]
  }
}

/** `throughput` has limits for a direction, or nothing to do in it. */
function throughputs(options: ThroughputOptions | false): Halves {
  if (options === false) return { incoming: [], outgoing: [] }
  made('throughput', throughput, options)
  const { incoming, outgoing } = options
  return {
    incoming: incoming === undefined ? [] : [throughput({ incoming })],
    outgoing: outgoing === undefined ? [] : [throughput({ outgoing })]
  }
}

function one<O>(name: string, make: (options: O) => Middleware, options: O | false | undefined): Middleware[] {
  return options === false ? [] : [made(name, make, options as O)]
}

function made<O, M>(name: string, make: (options: O) => M, options: O): M {
  try {
    return make(options)
  } catch (error) {
    if (!(error instanceof InvalidFieldsError)) throw error
    throw new InvalidFieldsError(`${name}: ${error.message}`, { ...(error.code && { code: error.code }), cause: error })
  }
}
