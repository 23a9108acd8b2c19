import type { Deadlines, Direction, Setup } from '@ilp-wrap/core'
import { isForPeer, isFulfill, prepareAmount, prepareDestination, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { Answers } from './answers.js'
import type { AnswersConfig } from './answers.js'
import { Flight } from './flight.js'
import type { Home } from './flight.js'
import { Flights } from './flights.js'
import { keyOf, printOf } from './key.js'
import { Repetition } from './repetition.js'
import type { Sweeper } from './sweeper.js'
import { covers } from './terms.js'

type Next = (data: Buffer) => Promise<Buffer>

/** One direction of one plugin. */
export class Side implements Home {
  readonly #direction: Direction
  readonly #setup: Setup
  readonly #deadlines: Deadlines
  readonly #sweeper: Sweeper
  readonly #answers: Answers
  readonly #flights: Flights<Flight>

  constructor(direction: Direction, config: AnswersConfig, setup: Setup, deadlines: Deadlines, sweeper: Sweeper) {
    this.#direction = direction
    this.#setup = setup
    this.#deadlines = deadlines
    this.#sweeper = sweeper
    this.#answers = new Answers(config, setup.clock)
    this.#flights = new Flights(config)
  }

  pass(data: Buffer, next: Next): Promise<Buffer> {
    const expiresAt = prepareExpiresAt(data)
    // what neighbours ask each other (ILDCP, routes) has no condition of its own: the same bytes are another question
    if (expiresAt === undefined || isForPeer(data)) return next(data)
    const print = printOf(data)
    if (this.#answers.has(print) || this.#flights.has(print)) {
      const answer = this.#repeated(data, print, expiresAt)
      if (answer !== undefined) return answer
    }
    const flight = Flight.of(data, print, expiresAt)
    const answer = next(data)
    flight.takeOff(answer, this)
    this.#flights.add(flight)
    this.#sweeper.wake()
    return answer
  }

  landed(flight: Flight, reply: Buffer | undefined): void {
    const wasKnown = this.#flights.delete(flight)
    if (reply === undefined || !isFulfill(reply)) return
    // one that others would have found all the time has no fulfill of theirs before it
    if (wasKnown || !this.#answers.cover(flight.packet)) flight.packet = this.#answers.exchange(flight.packet, reply)
    this.#sweeper.wake()
  }

  /** True if anything is left. */
  sweep(): boolean {
    this.#answers.sweep()
    this.#flights.sweep()
    return this.#answers.size + this.#flights.size > 0
  }

  /** The answer of the one that it repeats; undefined if it repeats none. */
  #repeated(data: Buffer, print: number, expiresAt: number): Promise<Buffer> | undefined {
    const key = keyOf(data)
    const amount = prepareAmount(data) as bigint
    const fulfill = this.#answers.find(print, key, amount, expiresAt)
    if (fulfill !== undefined) {
      this.#tell(data, 'fulfilled')
      return Promise.resolve(fulfill)
    }
    const flight = this.#flights.get(print, key)
    if (flight === undefined || !covers(flight, amount, expiresAt)) return undefined
    return this.#share(flight, data, expiresAt)
  }

  /** Whoever expires with the other waits for its answer alone. */
  #share(flight: Flight, data: Buffer, expiresAt: number): Promise<Buffer> {
    this.#tell(data, 'in-flight')
    const answer = flight.repeated()
    if (expiresAt === flight.expiresAt) return answer
    const amount = prepareAmount(data)
    const destination = prepareDestination(data)
    return new Repetition(expiresAt, answer, this.#setup.clock, this.#deadlines, () => {
      const { events, emit } = this.#setup
      if (events.observed) {
        emit({ type: 'packet-rejected', direction: this.#direction, code: 'R00', amount, destination })
      }
    }).promise
  }

  #tell(data: Buffer, original: 'in-flight' | 'fulfilled'): void {
    const { events, emit } = this.#setup
    if (!events.observed) return
    emit({
      type: 'packet-deduplicated',
      direction: this.#direction,
      amount: prepareAmount(data) as bigint,
      destination: prepareDestination(data) as string,
      original
    })
  }
}
