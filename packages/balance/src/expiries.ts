import { Deadlines } from '@ilp-wrap/core'
import type { Clock, Deadline } from '@ilp-wrap/core'

const byClock = new WeakMap<Clock, Expiries>()

/**
 * The ends of all holds that go by one clock, over one timer: a connector may have thousands of plugins. The holds guard
 * no promise, so that the process need not wait for them.
 */
export class Expiries {
  readonly #deadlines: Deadlines
  #users = 0

  static of(clock: Clock): Expiries {
    let expiries = byClock.get(clock)
    if (expiries === undefined) {
      expiries = new Expiries(clock)
      byClock.set(clock, expiries)
    }
    return expiries
  }

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock, { ref: false })
  }

  /** For a plugin that is about to add. */
  join(): void {
    if (this.#users++ === 0) this.#deadlines.open()
  }

  /** When the last one leaves, the timer ends as soon as nothing is held. */
  leave(): void {
    if (--this.#users === 0) this.#deadlines.close()
  }

  add(hold: Deadline): void {
    this.#deadlines.add(hold)
  }

  delete(hold: Deadline): void {
    this.#deadlines.delete(hold)
  }
}
