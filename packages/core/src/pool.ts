/** As many as are in flight in a busy moment, as a rule. */
const MAX_FREE = 256

/**
 * Objects that are used over and over, so that a packet costs no object and no functions of its own: the handlers of its
 * answer, as a rule. Who takes one gives it back once, and does not touch it afterwards.
 */
export class Pool<T> {
  readonly #make: () => T
  readonly #max: number
  /** The first `#count` are free; the array does not shrink, which would cost more than it holds. */
  readonly #free: T[] = []
  #count = 0

  /** @param max how many free ones are kept */
  constructor(make: () => T, max: number = MAX_FREE) {
    this.#make = make
    this.#max = max
  }

  take(): T {
    if (this.#count === 0) return this.#make()
    this.#count--
    return this.#free[this.#count] as T
  }

  give(object: T): void {
    if (this.#count === this.#max) return
    this.#free[this.#count] = object
    this.#count++
  }
}
