import { InvalidFieldsError, handleOf } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { known } from '@ilp-wrap/core/options'
import type { Half, HalfSnapshot } from './half.js'
import { changed } from './options.js'
import type { Limits } from './options.js'

export const NAME = 'concurrency'

/** A direction without a limit is undefined. */
export interface ConcurrencySnapshot {
  readonly incoming: HalfSnapshot | undefined
  readonly outgoing: HalfSnapshot | undefined
}

/** What to change; what is absent stays as it is. */
export interface LimitChanges {
  readonly incoming?: Limits
  readonly outgoing?: Limits
}

/** The controls of a stack's limits of what is in flight, also where each direction has a layer of its own. */
export interface ConcurrencyHandle {
  snapshot(): ConcurrencySnapshot
  /**
   * Changes limits at once: who waits may go if there is room now; what is in flight, or waits, stays so. Throws
   * InvalidFieldsError, and changes nothing, if a limit is wrong, or there is none to change.
   */
  setLimits(changes: LimitChanges): void
}

/** The controls of a wrapped plugin's limits of what is in flight, undefined if it has none. */
export function concurrencyOf(plugin: object): ConcurrencyHandle | undefined {
  return handleOf(plugin, NAME) as ConcurrencyHandle | undefined
}

/** An absent direction has no limit. */
export interface Halves {
  incoming?: Half
  outgoing?: Half
}

export class Handle implements ConcurrencyHandle {
  readonly #halves: Halves

  /** The handle `beneath` may have a limit for a direction that this layer has none for. */
  constructor(own: Halves, beneath: object | undefined) {
    this.#halves = { ...(beneath instanceof Handle && beneath.#halves), ...own }
  }

  snapshot(): ConcurrencySnapshot {
    const { incoming, outgoing } = this.#halves
    return { incoming: incoming?.snapshot(), outgoing: outgoing?.snapshot() }
  }

  setLimits(changes: LimitChanges): void {
    const given = known(changes, ['incoming', 'outgoing'])
    const incoming = this.#change('incoming', given.incoming)
    const outgoing = this.#change('outgoing', given.outgoing)
    incoming?.()
    outgoing?.()
  }

  #change(direction: Direction, limits: Limits | undefined): (() => void) | undefined {
    if (limits === undefined) return undefined
    const half = this.#halves[direction] ?? nothingToChange(direction)
    const config = changed(half.config, limits, direction)
    return () => {
      half.setConfig(config)
    }
  }
}

function nothingToChange(direction: Direction): never {
  throw new InvalidFieldsError(`\`${direction}\` has no limit that could be changed`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}
