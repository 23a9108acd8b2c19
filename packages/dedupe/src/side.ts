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
    const amount = prepareAmount(data) as bigint
    const print = printOf(data)
    const key = keyOf(data)
    const fulfill = this.#answers.find(print, key, amount, expiresAt)
    if (fulfill !== undefined) {
      this.#tell(data, 'fulfilled')
      return Promise.resolve(fulfill)
    }
    const flight = this.#flights.get(print, key)
    if (flight !== undefined && covers(flight, amount, expiresAt)) return this.#share(flight, data, expiresAt)
    const answer = next(data)
    this.#flights.add(Flight.of(answer, print, key, amount, expiresAt, this))
    this.#sweeper.wake()
    return answer
  }

  landed(flight: Flight, reply: Buffer | undefined): void {
    this.#flights.delete(flight)
    if (reply === undefined || !isFulfill(reply)) return
    this.#answers.add(flight, reply)
    this.#sweeper.wake()
  }

  /** True if anything is left. */
  sweep(): boolean {
    this.#answers.sweep()
    this.#flights.sweep()
    return this.#answers.size + this.#flights.size > 0
  }

  /** Whoever expires with the other, or would be answered by it in any case, gets its promise. */
  #share(flight: Flight, data: Buffer, expiresAt: number): Promise<Buffer> {
    this.#tell(data, 'in-flight')
    const answer = flight.answer as Promise<Buffer>
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
