import { Pool } from '@ilp-wrap/core'
import type { Printed } from './flights.js'
import { KeptPacket } from './kept-packet.js'
import type { Terms } from './terms.js'

/** Who is told when a prepare has come back. */
export interface Home {
  /** `reply` is undefined when something was thrown. */
  landed(flight: Flight, reply: Buffer | undefined): void
}

/**
 * A prepare that waits for its answer, with the handlers of that answer. One that has landed is used again, so `home`
 * must not hold on to it.
 */
export class Flight implements Printed<Flight>, Terms {
  static readonly #pool = new Pool(() => new Flight())
  packet: KeptPacket = new KeptPacket()
  after: Flight | undefined
  since = 0
  /** What the sender got; there once the packet is on its way. */
  answer: Promise<Buffer> | undefined
  readonly #onReply: (reply: Buffer) => void
  readonly #onError: () => void
  #home: Home | undefined

  private constructor() {
    this.#onReply = (reply) => {
      this.#land(reply)
    }
    this.#onError = () => {
      this.#land(undefined)
    }
  }

  /** What is to be followed: `takeOff` does so, once the packet is on its way. */
  static of(prepare: Buffer, print: number, expiresAt: number): Flight {
    const flight = Flight.#pool.take()
    flight.packet.keep(prepare, print, expiresAt)
    return flight
  }

  get print(): number {
    return this.packet.print
  }

  get key(): string {
    return this.packet.key
  }

  get keyLength(): number {
    return this.packet.keyLength
  }

  get amount(): bigint {
    return this.packet.amount
  }

  get expiresAt(): number {
    return this.packet.expiresAt
  }

  takeOff(answer: Promise<Buffer>, home: Home): void {
    this.answer = answer
    this.#home = home
    answer.then(this.#onReply, this.#onError)
  }

  #land(reply: Buffer | undefined): void {
    ;(this.#home as Home).landed(this, reply)
    this.answer = this.#home = undefined
    Flight.#pool.give(this)
  }
}
