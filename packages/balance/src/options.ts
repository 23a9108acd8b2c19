import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import { amount, badOption, boolean, known, milliseconds } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import type { LedgerStore, Limits } from './ledger.js'
import type { SettlementRule } from './settlement.js'

/** Amounts are base units: a bigint, a string of decimal digits, or a safe integer. Above zero: the peer owes us. */
export interface BalanceOptions {
  /** What the peer may owe us at most, zero or more; `Infinity` for no bound. */
  maximum: Amount
  /** What we may owe the peer at most, zero or less. Default: `-Infinity`, no bound. */
  minimum?: Amount
  /** Settles when the balance falls below it. Default: only `settle()` does. */
  settleThreshold?: Amount
  /** The balance that a settlement leads to. Default: 0. */
  settleTo?: Amount
  /** Settlements of less are not made. Default: 1. */
  minimumSettlement?: Amount
  /** From the end of one settlement to the next look at the balance. Default: 1000 (RFC 0023: retry after 1 to 60 s). */
  cooldownMs?: number
  /**
   * Books incoming money before the host's handler has it, and keeps it booked if the handler throws: for plugins whose
   * money cannot be refused. Default: true over a plugin whose transfers settle (compat), else false.
   */
  moneyIsFinal?: boolean
  /** Where the books are kept. Default: in memory, this plugin's own. Other ledgers need `account` in the context. */
  ledger?: LedgerStore
  /**
   * With a ledger that takes time, a fulfill does not wait for its commit beyond so many milliseconds before its expiry;
   * one that the host gives with less left is answered R00 and never booked. Less than the time that a connector keeps
   * for itself (1000 in ilp-connector), or fulfills of the last moment never pass. Default: 200.
   */
  commitMarginMs?: number
  /** Whether incoming packets and money are booked. Default: true. */
  incoming?: boolean
  /** Whether outgoing packets and money are booked. Default: true. */
  outgoing?: boolean
}

/** Options after their check. */
export interface Rules {
  readonly limits: Limits
  readonly settlement: SettlementRule
  readonly moneyIsFinal: boolean | undefined
  readonly ledger: LedgerStore | undefined
  readonly commitMarginMs: number
  readonly incoming: boolean
  readonly outgoing: boolean
}

export interface LimitOptions {
  /** `Infinity` for no bound. */
  maximum?: Amount
  /** `-Infinity` for no bound. */
  minimum?: Amount
}

const NAMES = [
  'maximum',
  'minimum',
  'settleThreshold',
  'settleTo',
  'minimumSettlement',
  'cooldownMs',
  'moneyIsFinal',
  'ledger',
  'commitMarginMs',
  'incoming',
  'outgoing'
] as const

export function parseOptions(given: BalanceOptions): Rules {
  const options = known<BalanceOptions>(given, NAMES)
  const { settleThreshold, moneyIsFinal, ledger } = options
  const rules: Rules = {
    limits: { maximum: maximum(options.maximum), minimum: minimum(options.minimum ?? -Infinity) },
    settlement: {
      threshold: settleThreshold === undefined ? undefined : amount('settleThreshold', settleThreshold),
      target: amount('settleTo', options.settleTo ?? 0n),
      smallest: amount('minimumSettlement', options.minimumSettlement ?? 1n, { min: 1n }),
      cooldownMs: milliseconds('cooldownMs', options.cooldownMs ?? 1000, { min: 1, max: MAX_TIMEOUT_MS })
    },
    moneyIsFinal: moneyIsFinal === undefined ? undefined : boolean('moneyIsFinal', moneyIsFinal),
    ledger: ledger === undefined ? undefined : ledgerStore(ledger),
    commitMarginMs: milliseconds('commitMarginMs', options.commitMarginMs ?? 200),
    incoming: boolean('incoming', options.incoming ?? true),
    outgoing: boolean('outgoing', options.outgoing ?? true)
  }
  if (!rules.incoming && !rules.outgoing) badOption('outgoing', 'true where `incoming` is false', rules.outgoing)
  checkLimits(rules.limits, rules.settlement)
  return rules
}

export function parseLimits(given: LimitOptions, present: Limits, settlement: SettlementRule): Limits {
  const options = known<LimitOptions>(given, ['maximum', 'minimum'])
  const limits = {
    maximum: options.maximum === undefined ? present.maximum : maximum(options.maximum),
    minimum: options.minimum === undefined ? present.minimum : minimum(options.minimum)
  }
  checkLimits(limits, settlement)
  return limits
}

/** Refuses what cannot work: a settlement that would never start, never end, or pass a bound. */
function checkLimits({ maximum, minimum }: Limits, { threshold, target, smallest }: SettlementRule): void {
  if (threshold !== undefined && target < threshold) {
    badOption('settleTo', `at least \`settleThreshold\`, ${threshold}`, target)
  }
  if (maximum !== undefined && target > maximum) badOption('settleTo', `at most \`maximum\`, ${maximum}`, target)
  if (minimum === undefined || threshold === undefined) return
  // at `minimum` packets stop, so a balance that must fall below it never settles
  if (threshold <= minimum) badOption('settleThreshold', `above \`minimum\`, ${minimum}`, threshold)
  if (target - minimum < smallest) {
    badOption('minimumSettlement', `at most \`settleTo\` − \`minimum\`, ${target - minimum}`, smallest)
  }
}

function maximum(value: Amount): bigint | undefined {
  if (value === Infinity) return undefined
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    badOption('maximum', 'a bigint, an integer string or Infinity', value)
  }
  return amount('maximum', value, { min: 0n })
}

function minimum(value: Amount): bigint | undefined {
  if (value === -Infinity) return undefined
  return amount('minimum', value, { max: 0n })
}

function ledgerStore(value: LedgerStore): LedgerStore {
  const given = value as Partial<LedgerStore> | null
  if (typeof given?.open !== 'function' || typeof given.close !== 'function') {
    badOption('ledger', 'a LedgerStore with `open` and `close`', value)
  }
  return value
}
