import { InvalidFieldsError } from './errors.js'
import type { Direction } from './events.js'
import { known } from './options.js'

/** What a middleware has for each direction; an absent one does nothing there. */
export interface Halves<Half> {
  incoming?: Half
  outgoing?: Half
}

/** What to change in each direction; what is absent stays as it is. */
export interface HalfChanges<Change> {
  readonly incoming?: Change
  readonly outgoing?: Change
}

/**
 * The controls of a middleware that limits each direction by itself, also where each has a layer of its own: the handle
 * of the layer above knows the half of the one beneath.
 */
export abstract class HalvesHandle<Half, Change> {
  protected readonly halves: Halves<Half>
  readonly #what: string

  /**
   * @param own what this layer has
   * @param beneath the handle of the layer of this kind beneath, which may have what this one lacks
   * @param what a half is called in errors
   */
  constructor(own: Halves<Half>, beneath: object | undefined, what: string) {
    const others = beneath instanceof HalvesHandle ? (beneath.halves as Halves<Half>) : {}
    this.halves = { ...others, ...own }
    this.#what = what
  }

  /** Throws InvalidFieldsError, and changes nothing, if a change is wrong, or there is nothing to change. */
  setLimits(changes: HalfChanges<Change>): void {
    const given = known(changes, ['incoming', 'outgoing'])
    const incoming = this.#prepared('incoming', given.incoming)
    const outgoing = this.#prepared('outgoing', given.outgoing)
    incoming?.()
    outgoing?.()
  }

  #prepared(direction: Direction, change: Change | undefined): (() => void) | undefined {
    if (change === undefined) return undefined
    const half = this.halves[direction]
    if (half !== undefined) return this.prepare(half, change, direction)
    throw new InvalidFieldsError(`\`${direction}\` has no ${this.#what} that could be changed`, {
      code: 'ILP_WRAP_INVALID_OPTION'
    })
  }

  /** Checks a change, and gives what makes it. */
  protected abstract prepare(half: Half, change: Change, direction: Direction): () => void
}
