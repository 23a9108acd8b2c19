import { badOption, boolean, integer, known, milliseconds, number } from '@ilp-wrap/core/options'
import type { Rules } from './circuit.js'

export interface CircuitBreakerOptions {
  /** Milliseconds over which calls are looked at, by tenths. Default: 30000, as long as connectors hold a packet. */
  readonly windowMs?: number
  /** The circuit does not open with fewer calls than these in the window. Default: 20. */
  readonly minimumCalls?: number
  /** The circuit opens at this share of failures, above 0 to 1. Default: 0.5. */
  readonly failureRatio?: number
  /** Milliseconds that it stays open before trials may go. Default: 5000. */
  readonly halfOpenAfterMs?: number
  /** When the trials fail it stays open so many times as long as before. Default: 1. */
  readonly growth?: number
  /** Milliseconds that it stays open, at most. Default: 60000, or `halfOpenAfterMs` if that is more. */
  readonly maxHalfOpenAfterMs?: number
  /** How many calls may go while it is half-open, and must succeed for it to close. Default: 3. */
  readonly trials?: number
  /** Milliseconds after which a trial without an answer has failed. Default: 30000. */
  readonly trialTimeoutMs?: number
  /** Codes of rejects that count as failures, e.g. `['T01']`. Default: none, as whoever rejects could shut others out. */
  readonly rejectCodes?: readonly string[]
  /**
   * An R00 that comes so many milliseconds before the expiry still counts as a timeout of this side; what `reduceMs` of
   * `expire` is. Default: 0.
   */
  readonly timeoutMarginMs?: number
  /** The circuit opens on `disconnect` and closes on `connect`. Default: false. */
  readonly openOnDisconnect?: boolean
}

export interface Config extends Rules {
  readonly rejectCodes: readonly string[]
  readonly timeoutMarginMs: number
  readonly openOnDisconnect: boolean
}

/** Throws InvalidFieldsError on an option that is unknown or wrong. */
export function validated(options: CircuitBreakerOptions | undefined): Config {
  const given = known(options, [
    'windowMs',
    'minimumCalls',
    'failureRatio',
    'halfOpenAfterMs',
    'growth',
    'maxHalfOpenAfterMs',
    'trials',
    'trialTimeoutMs',
    'rejectCodes',
    'timeoutMarginMs',
    'openOnDisconnect'
  ])
  const failureRatio = number('failureRatio', given.failureRatio ?? 0.5, { max: 1 })
  if (failureRatio === 0) badOption('failureRatio', 'above 0', failureRatio)
  const halfOpenAfterMs = milliseconds('halfOpenAfterMs', given.halfOpenAfterMs ?? 5000, { min: 1 })
  return {
    windowMs: milliseconds('windowMs', given.windowMs ?? 30_000, { min: 1 }),
    minimumCalls: integer('minimumCalls', given.minimumCalls ?? 20, { min: 1 }),
    failureRatio,
    halfOpenAfterMs,
    growth: number('growth', given.growth ?? 1, { min: 1 }),
    maxHalfOpenAfterMs: milliseconds(
      'maxHalfOpenAfterMs',
      given.maxHalfOpenAfterMs ?? Math.max(60_000, halfOpenAfterMs),
      { min: halfOpenAfterMs }
    ),
    trials: integer('trials', given.trials ?? 3, { min: 1 }),
    trialTimeoutMs: milliseconds('trialTimeoutMs', given.trialTimeoutMs ?? 30_000, { min: 1 }),
    rejectCodes: codes(given.rejectCodes ?? []),
    timeoutMarginMs: milliseconds('timeoutMarginMs', given.timeoutMarginMs ?? 0),
    openOnDisconnect: boolean('openOnDisconnect', given.openOnDisconnect ?? false)
  }
}

function codes(value: unknown): readonly string[] {
  if (!Array.isArray(value)) badOption('rejectCodes', 'an array of reject codes', value)
  for (const code of value as readonly unknown[]) {
    if (typeof code !== 'string' || !/^[FTR][0-9]{2}$/.test(code)) {
      badOption('rejectCodes', 'an array of F, T or R and two digits', code)
    }
  }
  return [...(value as readonly string[])]
}
