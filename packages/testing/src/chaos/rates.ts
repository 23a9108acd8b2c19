import { badOption, known, number } from '@ilp-wrap/core/options'

/** What may happen to a packet in place of being passed on and answered; at most one of these does. */
export const FATES = ['reject', 'drop', 'dropAnswer', 'duplicate', 'throw', 'wrong', 'late', 'twice'] as const

/** What may happen besides. */
const WAYS = ['cut', 'delay', 'delayAnswer', 'reorder'] as const

const MONEY = ['failMoney', 'loseMoney'] as const

export type Fate = (typeof FATES)[number]

/** All that chaos does; each has a rate of its own. */
export type Strike = Fate | (typeof WAYS)[number] | (typeof MONEY)[number]

export const STRIKES: readonly Strike[] = [...WAYS, ...FATES, ...MONEY]

/**
 * How often each thing happens, as a probability from 0 to 1; what is absent never does. "The other side" is the peer
 * for outgoing packets, the host for incoming ones.
 */
export interface ChaosRates {
  /** The packet is passed on after up to `delayMs`. */
  readonly delay?: number
  /** The answer is handed back after up to `delayMs`. */
  readonly delayAnswer?: number
  /** The packet lets the next one pass, or `reorderMs`. */
  readonly reorder?: number
  /** The connection is cut before the packet is passed on, while nothing is on its way. */
  readonly cut?: number
  /** A prepare is answered with one of `rejectCodes` before it reaches the other side. */
  readonly reject?: number
  /** The packet is lost on its way. Outgoing, it fails after `timeoutMs`; incoming, it is never answered. */
  readonly drop?: number
  /** The packet reaches the other side, its answer is lost. */
  readonly dropAnswer?: number
  /** The packet reaches the other side twice; the answer to the first counts. */
  readonly duplicate?: number
  /** The packet fails in one of the ways of `throwAs`. */
  readonly throw?: number
  /** A prepare is answered with another fulfillment than its own, nothing, or noise. It does not reach the other side. */
  readonly wrong?: number
  /** The answer to a prepare is handed back `lateMs` after its expiry. */
  readonly late?: number
  /** The answer is followed by a reject, which must change nothing. */
  readonly twice?: number
  /** Money does not move, and a MoneyNotSentError says so. Incoming, the peer is told that it was refused. */
  readonly failMoney?: number
  /** Outgoing money moves, or does not, and an error comes that says neither. Incoming, this does nothing. */
  readonly loseMoney?: number
}

/** All rates, checked. */
export type FullRates = Readonly<Record<Strike, number>>

/** @throws InvalidFieldsError when a rate is no probability, or those of one packet's fates exceed 1 together */
export function checkedRates(name: string, rates: ChaosRates): FullRates {
  known(rates, STRIKES, name)
  const full = Object.fromEntries(
    STRIKES.map((strike) => [strike, number(`${name}.${strike}`, rates[strike] ?? 0, { max: 1 })])
  ) as FullRates
  const sum = FATES.reduce((total, fate) => total + full[fate], 0)
  // tenths that add up to one do so with an error of rounding
  if (sum > 1 + 1e-9) badOption(name, `rates of ${FATES.join(', ')} that are at most 1 together`, sum)
  return full
}

/** Nothing ever happens. */
export const NO_RATES: FullRates = checkedRates('rates', {})

/** A slow and unreliable link that tells no lies: delays, another order, T00 to T03. Money stays exact over it. */
export const flaky: ChaosRates = { delay: 0.3, delayAnswer: 0.3, reorder: 0.05, reject: 0.05 }
