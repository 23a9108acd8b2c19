import { HalvesHandle, handleOf } from '@ilp-wrap/core'
import type { Direction, HalfChanges, Halves } from '@ilp-wrap/core'
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
export type LimitChanges = HalfChanges<Limits>

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

export class Handle extends HalvesHandle<Half, Limits> implements ConcurrencyHandle {
  constructor(own: Halves<Half>, beneath: object | undefined) {
    super(own, beneath, 'limit')
  }

  snapshot(): ConcurrencySnapshot {
    const { incoming, outgoing } = this.halves
    return { incoming: incoming?.snapshot(), outgoing: outgoing?.snapshot() }
  }

  protected override prepare(half: Half, limits: Limits, direction: Direction): () => void {
    const config = changed(half.config, limits, direction)
    return () => {
      half.setConfig(config)
    }
  }
}
