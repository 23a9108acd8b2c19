import type { Random } from '../random.js'
import { FATES } from './rates.js'
import type { Fate, FullRates } from './rates.js'

/** What is to become of one packet. */
export interface Plan {
  readonly cut: boolean
  readonly delayMs: number
  readonly reorder: boolean
  readonly fate: Fate | undefined
  /** From 0 to below 1, for what the fate leaves open. */
  readonly detail: number
  readonly delayAnswerMs: number
}

export type MoneyFate = 'failMoney' | 'loseMoney' | undefined

/**
 * Decides by the seed alone what becomes of each packet, in the order in which they come. Each packet takes the same
 * count of numbers, so that a rate that is changed changes nothing but its own doings.
 */
export class Fortune {
  readonly #rates: FullRates
  readonly #random: Random
  readonly #delayMs: number

  constructor(rates: FullRates, random: Random, delayMs: number) {
    this.#rates = rates
    this.#random = random
    this.#delayMs = delayMs
  }

  /** `isPrepare`: whether fates that speak ILP are possible. */
  plan(isPrepare: boolean): Plan {
    const { cut, delay, delayAnswer, reorder } = this.#rates
    return {
      cut: this.#chance(cut),
      delayMs: this.#span(delay),
      reorder: this.#chance(reorder),
      fate: this.#fate(isPrepare),
      detail: this.#random.next(),
      delayAnswerMs: this.#span(delayAnswer)
    }
  }

  money(): { fate: MoneyFate; detail: number } {
    const { failMoney, loseMoney } = this.#rates
    const draw = this.#random.next()
    const detail = this.#random.next()
    if (draw < failMoney) return { fate: 'failMoney', detail }
    return { fate: draw < failMoney + loseMoney ? 'loseMoney' : undefined, detail }
  }

  #fate(isPrepare: boolean): Fate | undefined {
    let draw = this.#random.next()
    for (const fate of FATES) {
      draw -= this.#rates[fate]
      if (draw < 0) return isPrepare || !ILP_ONLY.has(fate) ? fate : undefined
    }
    return undefined
  }

  #chance(rate: number): boolean {
    return this.#random.next() < rate
  }

  /** A millisecond at least, or 0 for none. */
  #span(rate: number): number {
    const [draw, length] = [this.#random.next(), this.#random.next()]
    return draw < rate ? 1 + length * this.#delayMs : 0
  }
}

const ILP_ONLY: ReadonlySet<Fate> = new Set(['reject', 'wrong', 'late', 'twice'])
