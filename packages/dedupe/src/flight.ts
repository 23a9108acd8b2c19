import type { Printed } from './flights.js'
import { KeptPacket } from './kept-packet.js'

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
 * costs no functions and no memory of its own; `home` must not hold on to one that has landed.
 */
export class Flight extends KeptPacket implements Printed<Flight> {
  after: Flight | undefined
  since = 0
  /** What the sender got; there once the packet is on its way. */
  answer: Promise<Buffer> | undefined
  readonly #onReply: (reply: Buffer) => void
  readonly #onError: () => void
  #home: Home | undefined
  #nextFree: Flight | undefined

  private constructor() {
    super()
    this.#onReply = (reply) => {
      this.#land(reply)
    }
    this.#onError = () => {
      this.#land(undefined)
    }
  }

  /** What is to be followed: `takeOff` does so, once the packet is on its way. */
  static of(prepare: Buffer, print: number, expiresAt: number): Flight {
    let flight = free
    if (flight === undefined) {
      flight = new Flight()
    } else {
      free = flight.#nextFree
      freeCount--
    }
    flight.keep(prepare, print, expiresAt)
    return flight
  }

  takeOff(answer: Promise<Buffer>, home: Home): void {
    this.answer = answer
    this.#home = home
    answer.then(this.#onReply, this.#onError)
  }

  #land(reply: Buffer | undefined): void {
    ;(this.#home as Home).landed(this, reply)
    this.answer = this.#home = this.#nextFree = undefined
    Flight.#release(this)
  }

  static #release(flight: Flight): void {
    if (freeCount === MAX_FREE) return
    flight.#nextFree = free
    free = flight
    freeCount++
  }
}
