import { InvalidFieldsError, handleOf } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { known } from '@ilp-wrap/core/options'
import { LIMITS } from './bucket.js'
import type { Limits } from './bucket.js'
import type { Half, HalfSnapshot } from './half.js'

export const NAME = 'throughput'

/** A direction without a limit is undefined. */
export interface ThroughputSnapshot {
  readonly incoming: HalfSnapshot | undefined
  readonly outgoing: HalfSnapshot | undefined
}

/** What to change; what is absent stays as it is, but a burst that was never given goes with the amount. */
export interface LimitChanges {
  readonly incoming?: Partial<Limits>
  readonly outgoing?: Partial<Limits>
}

/** The controls of a stack's throughput limits, also where each direction has a layer of its own. */
export interface ThroughputHandle {
  snapshot(): ThroughputSnapshot
  /**
   * Changes limits at once; what may pass at this moment stays, as far as it fits. Throws InvalidFieldsError, and
   * changes nothing, if a limit is wrong, or there is none to change.
   */
  setLimits(changes: LimitChanges): void
}

/** The controls of a wrapped plugin's throughput limits, undefined if it has none. */
export function throughputOf(plugin: object): ThroughputHandle | undefined {
  return handleOf(plugin, NAME) as ThroughputHandle | undefined
}

/** An absent direction has no limit. */
export interface Halves {
  incoming?: Half
  outgoing?: Half
}

export class Handle implements ThroughputHandle {
  readonly #halves: Halves

  /** The handle `beneath` may have a limit for a direction that this layer has none for. */
  constructor(own: Halves, beneath: object | undefined) {
    this.#halves = { ...(beneath instanceof Handle && beneath.#halves), ...own }
  }

  snapshot(): ThroughputSnapshot {
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

  #change(direction: Direction, limits: Partial<Limits> | undefined): (() => void) | undefined {
    if (limits === undefined) return undefined
    const half = this.#halves[direction] ?? nothingToChange(direction)
    const rate = half.rate.with(known(limits, LIMITS, direction), direction)
    return () => {
      half.rate = rate
    }
  }
}

function nothingToChange(direction: Direction): never {
  throw new InvalidFieldsError(`\`${direction}\` has no limit that could be changed`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}
