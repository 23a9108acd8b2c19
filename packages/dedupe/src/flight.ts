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
  readonly #onReply: (reply: Buffer) => void
  readonly #onError: (error: unknown) => void
  #home: Home | undefined
  /** Those who repeat it; made for the first. */
  #repeats: Repeat[] | undefined

  private constructor() {
    this.#onReply = (reply) => {
      const repeats = this.#land(reply)
      if (repeats !== undefined) for (const repeat of repeats) repeat.resolve(copyOf(reply))
    }
    this.#onError = (error) => {
      const repeats = this.#land(undefined)
      if (repeats !== undefined) for (const repeat of repeats) repeat.fail(error)
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

  /** Before anybody else is told of `answer`, who may write into it then. */
  takeOff(answer: Promise<Buffer>, home: Home): void {
    this.#home = home
    answer.then(this.#onReply, this.#onError)
  }

  /** The answer for one that repeats it: a Buffer of its own. */
  repeated(): Promise<Buffer> {
    return new Promise((resolve, fail) => {
      const repeats = (this.#repeats ??= [])
      repeats.push({ resolve, fail })
    })
  }

  /** Gives those who repeat it. */
  #land(reply: Buffer | undefined): Repeat[] | undefined {
    ;(this.#home as Home).landed(this, reply)
    const repeats = this.#repeats
    this.#home = this.#repeats = undefined
    Flight.#pool.give(this)
    return repeats
  }
}

/** One that repeats a prepare, and waits for its answer. */
interface Repeat {
  resolve(reply: Buffer): void
  fail(error: unknown): void
}

/** What is no Buffer passes as it is. */
function copyOf(reply: Buffer): Buffer {
  return Buffer.isBuffer(reply) ? Buffer.from(reply) : reply
}
