/** Thousandths of a token: fractions would drift. */
const UNIT = 1000

export interface BudgetValues {
  /** How many retries may be made in a row, without a success between them. */
  readonly tokens: number
  /** What each success gives back, in tokens; it counts in thousandths. */
  readonly perSuccess: number
}

/**
 * The retries that one plugin has left, all its packets together: a peer that is down must not get each packet several
 * times over (gRPC A6, "Throttling Retry Attempts and Hedged RPCs"). Full at first; a retry takes a token, a success
 * gives a part of one back.
 */
export class Budget {
  readonly #full: number
  readonly #perSuccess: number
  #left: number

  constructor(values: BudgetValues) {
    this.#full = values.tokens * UNIT
    this.#perSuccess = Math.round(values.perSuccess * UNIT)
    this.#left = this.#full
  }

  /** Tokens, fractions included. */
  get tokens(): number {
    return this.#left / UNIT
  }

  /** Takes a token for a retry; false when there is no whole one left. */
  take(): boolean {
    if (this.#left < UNIT) return false
    this.#left -= UNIT
    return true
  }

  succeed(): void {
    this.#left = Math.min(this.#full, this.#left + this.#perSuccess)
  }
}
