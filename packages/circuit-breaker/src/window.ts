const SLOTS = 10

/**
 * How many calls succeeded and failed in the last while: a ring of slots, each a tenth of the window, so that it takes the
 * same memory however many calls there are. Times are monotonic, in milliseconds.
 */
export class OutcomeWindow {
  readonly #slotMs: number
  /** Successes of each slot, then failures of each. */
  readonly #counts: Float64Array = new Float64Array(2 * SLOTS)
  /** The number of the newest slot, counted from time 0. */
  #newest = 0

  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS
  }

  /** Forgets what is older than the window. */
  advance(now: number): void {
    const slot = Math.floor(now / this.#slotMs)
    if (slot <= this.#newest) return
    const first = Math.max(this.#newest + 1, slot - SLOTS + 1)
    for (let each = first; each <= slot; each++) {
      this.#counts[each % SLOTS] = 0
      this.#counts[(each % SLOTS) + SLOTS] = 0
    }
    this.#newest = slot
  }

  /** A call that was made at `at`, which is no later than the last `advance`, succeeded. */
  succeed(at: number): void {
    const slot = Math.floor(at / this.#slotMs)
    if (slot > this.#newest - SLOTS) this.#add(slot % SLOTS)
  }

  /** A call failed just now. */
  fail(now: number): void {
    this.advance(now)
    this.#add((this.#newest % SLOTS) + SLOTS)
  }

  clear(): void {
    this.#counts.fill(0)
  }

  get calls(): number {
    return this.#sum(0)
  }

  get failures(): number {
    return this.#sum(SLOTS)
  }

  #add(index: number): void {
    this.#counts[index] = (this.#counts[index] as number) + 1
  }

  #sum(from: number): number {
    let sum = 0
    for (const count of this.#counts.subarray(from)) sum += count
    return sum
  }
}
