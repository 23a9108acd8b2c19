import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import { amount, badOption, boolean, callable, integer, known, milliseconds, number } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import type { BackoffValues } from './backoff.js'
import type { BudgetValues } from './budget.js'
import type { Outcome, OutcomeRules, Sent } from './decision.js'

export interface RetryOptions {
  /** Attempts for one packet, the first included. Default: 3. 1 leaves only what is done for the connection. */
  maxAttempts?: number
  /**
   * ILP rejects after which another attempt is made: T codes only. Default: T00, T01, T02, T03. T04 and T05 are how flow
   * is controlled (a STREAM sender takes smaller packets after T04), T99 is the application's.
   */
  codes?: readonly string[]
  /**
   * Decides instead of `codes` among what may be retried at all: what was not sent, what the peer refused by T00, rejects
   * by a T code, and ambiguous outcomes if `resendAmbiguousZeroAmount`. When it throws, there is no retry.
   */
  retryOn?: (outcome: Outcome, sent: Sent) => boolean
  /** The wait before attempt n + 1: full jitter below `baseMs × 2^(n−1)`, `maxMs` at most. Default: 100 and 2000. */
  backoff?: { baseMs?: number; maxMs?: number }
  /**
   * What is added to that wait after T02 and T03 and after a BTP Error T00: such a peer is busy (RFC 0023: retry after 1
   * to 60 seconds). Default: 1000.
   */
  busyMs?: number
  /** A prepare's last attempt starts at least this long before it expires. Default: 1000. */
  marginMs?: number
  /**
   * No retry is decided on later than this after the first attempt began: hidden waits look like a slow link to a sender
   * that measures round trips. Default: 2000. `Infinity`: no limit.
   */
  maxElapsedMs?: number
  /** Requests that are no prepares and have no expiry: their last attempt starts within this time. Default: 10000. */
  dataTimeoutMs?: number
  /** The retries of all packets together, as `Budget` has it; `false`: no limit. Default: 10 tokens, 0.1 per success. */
  budget?: { tokens?: number; perSuccess?: number } | false
  /** Packets that wait at a time, for the connection or for their next attempt. Default: 1000. */
  maxWaiting?: number
  /** Base units that they amount to together. Default: no limit. */
  maxWaitingAmount?: Amount
  /**
   * A packet that comes while the plugin is not connected waits for `connect` up to `maxMs`, within its deadline; then it
   * is sent anyway, as some plugins say that they are not connected while they are. Default: `{ maxMs: 2000 }`.
   */
  waitForConnect?: { maxMs?: number } | false
  /**
   * How long `connect` goes on without a `timeout` of the host's (RFC 0024, "connect"), whether or not the plugin heeds
   * one. Default: 10000. `Infinity`: until it succeeds or is refused.
   */
  connectTimeoutMs?: number
  /** The waits between tries to connect, as `backoff`. Default: 100 and 5000. */
  connectBackoff?: { baseMs?: number; maxMs?: number }
  /**
   * After a lost connection the plugin has `afterMs` to come back by itself, then it is told to connect, again and again
   * until it is connected, `disconnect()` or `error`. `false`: never. Default: `{ afterMs: 500 }`.
   */
  reconnect?: { afterMs?: number } | false
  /** A loss shorter than this is kept from the host: no `disconnect`, no `connect`. Default: 2000. 0: told at once. */
  holdDisconnectMs?: number
  /**
   * Whether a prepare of amount 0, not to a `peer.` address, goes again after a throw that proves nothing. Its receiver
   * may get it twice. Default: false.
   */
  resendAmbiguousZeroAmount?: boolean
  /** The waits between tries to send money by its key, as `backoff` (RFC 0038: an hour at most). Default: 1000, 3600000. */
  moneyBackoff?: { baseMs?: number; maxMs?: number }
  /** Gives a number from 0 to below 1. Default: Math.random. */
  random?: () => number
}

/** The options, checked and filled in. One object for all plugins that one `retry()` wraps. */
export interface Rules extends OutcomeRules {
  readonly maxAttempts: number
  readonly maxElapsedMs: number
  readonly backoff: BackoffValues
  readonly busyMs: number
  readonly marginMs: number
  readonly dataTimeoutMs: number
  readonly budget: BudgetValues | undefined
  readonly maxWaiting: number
  readonly maxWaitingAmount: bigint | undefined
  /** undefined: packets do not wait for the connection. */
  readonly connectWaitMs: number | undefined
  readonly connectTimeoutMs: number
  readonly connectBackoff: BackoffValues
  /** undefined: it is left to the plugin. */
  readonly reconnectAfterMs: number | undefined
  readonly holdDisconnectMs: number
  readonly moneyBackoff: BackoffValues
  readonly random: () => number
}

const NAMES = [
  'maxAttempts',
  'codes',
  'retryOn',
  'backoff',
  'busyMs',
  'marginMs',
  'maxElapsedMs',
  'dataTimeoutMs',
  'budget',
  'maxWaiting',
  'maxWaitingAmount',
  'waitForConnect',
  'connectTimeoutMs',
  'connectBackoff',
  'reconnect',
  'holdDisconnectMs',
  'resendAmbiguousZeroAmount',
  'moneyBackoff',
  'random'
] as const

const HOUR_MS = 3_600_000

export function rulesOf(given: RetryOptions | undefined): Rules {
  const options = known(given, NAMES)
  const waitForConnect = part('waitForConnect', options.waitForConnect, ['maxMs'])
  const reconnect = part('reconnect', options.reconnect, ['afterMs'])
  const budget = part('budget', options.budget, ['tokens', 'perSuccess'])
  return {
    maxAttempts: integer('maxAttempts', options.maxAttempts ?? 3, { min: 1 }),
    codes: codesOf(options.codes ?? ['T00', 'T01', 'T02', 'T03']),
    retryOn: options.retryOn === undefined ? undefined : callable('retryOn', options.retryOn),
    backoff: backoffOf('backoff', options.backoff, 100, 2000),
    busyMs: delay('busyMs', options.busyMs ?? 1000),
    marginMs: milliseconds('marginMs', options.marginMs ?? 1000),
    maxElapsedMs: limit('maxElapsedMs', options.maxElapsedMs ?? 2000),
    dataTimeoutMs: delay('dataTimeoutMs', options.dataTimeoutMs ?? 10_000),
    budget: budget && {
      tokens: integer('budget.tokens', budget.tokens ?? 10, { min: 1, max: 1_000_000 }),
      perSuccess: number('budget.perSuccess', budget.perSuccess ?? 0.1, { max: 1_000_000 })
    },
    maxWaiting: integer('maxWaiting', options.maxWaiting ?? 1000),
    maxWaitingAmount:
      options.maxWaitingAmount === undefined
        ? undefined
        : amount('maxWaitingAmount', options.maxWaitingAmount, { min: 0n }),
    connectWaitMs: waitForConnect && delay('waitForConnect.maxMs', waitForConnect.maxMs ?? 2000),
    connectTimeoutMs: limit('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    connectBackoff: backoffOf('connectBackoff', options.connectBackoff, 100, 5000),
    reconnectAfterMs: reconnect && delay('reconnect.afterMs', reconnect.afterMs ?? 500),
    holdDisconnectMs: delay('holdDisconnectMs', options.holdDisconnectMs ?? 2000),
    resendAmbiguousZeroAmount: boolean('resendAmbiguousZeroAmount', options.resendAmbiguousZeroAmount ?? false),
    moneyBackoff: backoffOf('moneyBackoff', options.moneyBackoff, 1000, HOUR_MS, HOUR_MS),
    random: callable('random', options.random ?? Math.random)
  }
}

/** An option that is an object or `false`. */
function part<T extends object>(
  name: string,
  value: T | false | undefined,
  names: readonly (keyof T & string)[]
): T | undefined {
  return value === false ? undefined : known(value, names, name)
}

function backoffOf(
  name: string,
  value: { baseMs?: number; maxMs?: number } | undefined,
  baseMs: number,
  maxMs: number,
  highest: number = MAX_TIMEOUT_MS
): BackoffValues {
  const values = known(value, ['baseMs', 'maxMs'], name)
  return {
    baseMs: milliseconds(`${name}.baseMs`, values.baseMs ?? baseMs, { max: highest }),
    maxMs: milliseconds(`${name}.maxMs`, values.maxMs ?? maxMs, { max: highest })
  }
}

/** Milliseconds that one timer can wait. */
function delay(name: string, value: number): number {
  return milliseconds(name, value, { max: MAX_TIMEOUT_MS })
}

function limit(name: string, value: number): number {
  return value === Infinity ? value : milliseconds(name, value)
}

/** RFC 0027, "Error Codes": only T rejects are temporary; F and R cannot be switched on. */
function codesOf(codes: readonly string[]): ReadonlySet<string> {
  const good = Array.isArray(codes) && codes.every((code: unknown) => typeof code === 'string' && /^T\d\d$/.test(code))
  if (!good) badOption('codes', "an array of codes from 'T00' to 'T99'", String(codes))
  return new Set(codes)
}
