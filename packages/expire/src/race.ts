import { Pool } from '@ilp-wrap/core'
import type { Pending } from './pending.js'

/** The handlers of one answer. */
class Race {
  static readonly #pool = new Pool(() => new Race())
  readonly onReply: (reply: Buffer) => void
  readonly onError: (error: unknown) => void
  #pending: Pending | undefined

  constructor() {
    this.onReply = (reply) => {
      Race.#release(this).answered(reply)
    }
    this.onError = (error) => {
      Race.#release(this).failed(error)
    }
  }

  static of(pending: Pending): Race {
    const race = Race.#pool.take()
    race.#pending = pending
    return race
  }

  static #release(race: Race): Pending {
    const pending = race.#pending as Pending
    race.#pending = undefined
    Race.#pool.give(race)
    return pending
  }
}

/** Tells `pending` what becomes of `answer`. */
export function race(answer: Promise<Buffer>, pending: Pending): void {
  const { onReply, onError } = Race.of(pending)
  answer.then(onReply, onError)
}
