import type { KeptHold } from './values.js'

/** Where a hold stands on disk, until its commit is confirmed. */
export interface Slot {
  readonly key: string
  /** When the hold expires, milliseconds since 1970. */
  expiresAt: number
}

/**
 * The places for the holds of one account. A new hold takes the place of the one that has been done for the longest, so
 * that the disk has one change for both, and nothing that is done stays there for long.
 */
export class Slots {
  readonly #prefix: string
  #last: number
  /** The free ones, the first to be taken last; then those that came free since, the last one last. */
  #first: Slot[] = []
  #since: Slot[] = []

  /** @param kept what there is of other processes, whose places stay theirs */
  constructor(prefix: string, kept: readonly KeptHold[]) {
    this.#prefix = prefix
    this.#last = kept.reduce((last, { slot }) => Math.max(last, slot), 0)
  }

  take(expiresAt: number): Slot {
    if (this.#first.length === 0) [this.#first, this.#since] = [this.#since.reverse(), this.#first]
    const slot = this.#first.pop()
    if (slot === undefined) return { key: `${this.#prefix}/${++this.#last}`, expiresAt }
    slot.expiresAt = expiresAt
    return slot
  }

  give(slot: Slot): void {
    this.#since.push(slot)
  }
}
