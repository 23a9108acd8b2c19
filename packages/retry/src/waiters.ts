/**
 * The packets that are kept waiting, for the connection or for their next attempt. What waits here holds liquidity
 * further up (RFC 0018, "Payments Griefing"), so both their number and the sum of their amounts are bounded.
 */
export class Waiters {
  readonly #maxCount: number
  readonly #maxAmount: bigint | undefined
  #count = 0
  #amount = 0n

  /** Without `maxAmount` the sum is not bounded. */
  constructor(maxCount: number, maxAmount: bigint | undefined) {
    this.#maxCount = maxCount
    this.#maxAmount = maxAmount
  }

  get count(): number {
    return this.#count
  }

  get amount(): bigint {
    return this.#amount
  }

  /** False when there is no room; else `leave` must follow, once, with the same amount. */
  enter(amount: bigint): boolean {
    if (this.#count >= this.#maxCount) return false
    if (this.#maxAmount !== undefined && this.#amount + amount > this.#maxAmount) return false
    this.#count += 1
    this.#amount += amount
    return true
  }

  leave(amount: bigint): void {
    this.#count -= 1
    this.#amount -= amount
  }
}
