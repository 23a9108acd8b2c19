import { HalvesHandle, handleOf } from '@ilp-wrap/core'
import type { Direction, HalfChanges, Halves } from '@ilp-wrap/core'
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
export type LimitChanges = HalfChanges<Partial<Limits>>

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

export class Handle extends HalvesHandle<Half, Partial<Limits>> implements ThroughputHandle {
  constructor(own: Halves<Half>, beneath: object | undefined) {
    super(own, beneath, 'limit')
  }

  snapshot(): ThroughputSnapshot {
    const { incoming, outgoing } = this.halves
    return { incoming: incoming?.snapshot(), outgoing: outgoing?.snapshot() }
  }

  protected override prepare(half: Half, limits: Partial<Limits>, direction: Direction): () => void {
    const rate = half.rate.with(known(limits, LIMITS, direction), direction)
    return () => {
      half.rate = rate
    }
  }
}
