import type { Clock } from '@ilp-wrap/core'
import type { Hold } from './hold.js'

/**
 * By then what was passed on has left the buffers of this process. The plugin writes it within the same turn of the
 * event loop as a rule; a peer that reads slowly may keep it longer.
 */
const CONFIRM_MS = 1000

/** So many that the ledger has failed to confirm are kept for another try; about 20 MB. */
const MAX_FAILED = 100_000

/** Commits whose fulfill was passed on, gathered until they are a second old at least. */
export class Confirmations {
  readonly #clock: Clock
  readonly #confirm: (holds: readonly Hold[]) => void
  #old: Hold[] = []
  #young: Hold[] = []
  #ticking = false

  constructor(clock: Clock, confirm: (holds: readonly Hold[]) => void) {
    this.#clock = clock
    this.#confirm = confirm
  }

  add(hold: Hold): void {
    this.#young.push(hold)
    if (!this.#ticking) this.#tick()
  }

  /** Takes back what could not be confirmed, for the next turn. Whether it does: not when there are too many. */
  again(holds: readonly Hold[]): boolean {
    if (this.#old.length + holds.length > MAX_FAILED) return false
    this.#old = [...holds, ...this.#old]
    if (!this.#ticking) this.#tick()
    return true
  }

  #tick(): void {
    this.#ticking = true
    this.#clock.setTimeout(this.#turn, CONFIRM_MS).unref()
  }

  readonly #turn = (): void => {
    const due = this.#old
    this.#old = this.#young
    this.#young = []
    this.#ticking = false
    if (due.length > 0) this.#confirm(due)
    if (this.#old.length > 0) this.#tick()
  }
}
