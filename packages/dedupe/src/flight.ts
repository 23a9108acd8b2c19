import type { Terms } from './terms.js'

/** Who is told when a prepare has come back. */
export interface Home {
  /** `reply` is undefined when something was thrown. */
  landed(flight: Flight, reply: Buffer | undefined): void
}

const MAX_FREE = 256
let free: Flight | undefined
let freeCount = 0

/**
 * A prepare that waits for its answer, with the handlers of that answer. A few are used over and over, so that a packet
 * costs no functions of its own; `home` must not hold on to one that has landed.
 */
export class Flight implements Terms {
  print = 0
  key = ''
  amount = 0n
  expiresAt = 0
  /** What the sender got; there once the packet is on its way. */
  answer: Promise<Buffer> | undefined
  readonly #onReply: (reply: Buffer) => void
  readonly #onError: () => void
  #home: Home | undefined
  #next: Flight | undefined

  private constructor() {
    this.#onReply = (reply) => {
      this.#land(reply)
    }
    this.#onError = () => {
      this.#land(undefined)
    }
  }

  static of(
    answer: Promise<Buffer>,
    print: number,
    key: string,
    amount: bigint,
    expiresAt: number,
    home: Home
  ): Flight {
    let flight = free
    if (flight === undefined) {
      flight = new Flight()
    } else {
      free = flight.#next
      freeCount--
    }
    flight.print = print
    flight.key = key
    flight.amount = amount
    flight.expiresAt = expiresAt
    flight.answer = answer
    flight.#home = home
    answer.then(flight.#onReply, flight.#onError)
    return flight
  }

  #land(reply: Buffer | undefined): void {
    ;(this.#home as Home).landed(this, reply)
    Flight.#release(this)
  }

  static #release(flight: Flight): void {
    flight.key = ''
    flight.answer = flight.#home = flight.#next = undefined
    if (freeCount === MAX_FREE) return
    flight.#next = free
    free = flight
    freeCount++
  }
}
