/** A ledger that is too simple to be wrong: what the real ones are compared with. */
export class Books {
  committed = 0n
  holdsIn = 0n
  holdsOut = 0n
  maximum: bigint
  minimum: bigint

  constructor(maximum: bigint, minimum: bigint) {
    this.maximum = maximum
    this.minimum = minimum
  }
}

/** One side of one packet, in the books of that side. */
export class Leg {
  state: 'none' | 'held' | 'released' | 'booked' = 'none'
  /** Whether an event of that side has said that the packet was not booked although it may have been fulfilled. */
  named = false
  readonly #books: Books
  readonly #direction: 'in' | 'out'
  readonly #amount: bigint

  constructor(books: Books, direction: 'in' | 'out', amount: bigint) {
    this.#books = books
    this.#direction = direction
    this.#amount = amount
  }

  hold(): void {
    this.state = 'held'
    this.#hold(this.#amount)
  }

  release(): void {
    if (this.state !== 'held') return
    this.state = 'released'
    this.#hold(-this.#amount)
  }

  book(): void {
    this.release()
    this.state = 'booked'
    this.#books.committed += this.#direction === 'in' ? this.#amount : -this.#amount
  }

  #hold(amount: bigint): void {
    if (this.#direction === 'in') this.#books.holdsIn += amount
    else this.#books.holdsOut += amount
  }
}
