import type { Pending } from './pending.js'

const MAX_FREE = 256
let free: Race | undefined
let freeCount = 0

/** The handlers of one answer. A few are used over and over, so that a packet costs no functions of its own. */
class Race {
  readonly onReply: (reply: Buffer) => void
  readonly onError: (error: unknown) => void
  #pending: Pending | undefined
  #next: Race | undefined

  constructor() {
    this.onReply = (reply) => {
      Race.#release(this).answered(reply)
    }
    this.onError = (error) => {
      Race.#release(this).failed(error)
    }
  }

  static of(pending: Pending): Race {
    let race = free
    if (race === undefined) {
      race = new Race()
    } else {
      free = race.#next
      freeCount--
    }
    race.#pending = pending
    return race
  }

  static #release(race: Race): Pending {
    const pending = race.#pending as Pending
    race.#pending = undefined
    race.#next = undefined
    if (freeCount < MAX_FREE) {
      race.#next = free
      free = race
      freeCount++
    }
    return pending
  }
}

/** Tells `pending` what becomes of `answer`. */
export function race(answer: Promise<Buffer>, pending: Pending): void {
  const { onReply, onError } = Race.of(pending)
  answer.then(onReply, onError)
}
