import { HalvesHandle, handleOf } from '@ilp-wrap/core'
import type { Direction, HalfChanges, Halves } from '@ilp-wrap/core'
import { amount } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import type { Half } from './half.js'

export const NAME = 'max-packet-amount'

/** The maximum of each direction in base units, undefined where there is none. */
export interface MaximumSnapshot {
  readonly incoming: bigint | undefined
  readonly outgoing: bigint | undefined
}

/** What to change; what is absent stays as it is. */
export type MaximumChanges = HalfChanges<Amount>

/** The controls of a stack's maxima, also where each direction has a layer of its own. */
export interface MaxPacketAmountHandle {
  snapshot(): MaximumSnapshot
  /**
   * Changes maxima from the next packet on. Throws InvalidFieldsError, and changes nothing, if one is wrong, or there is
   * none to change.
   */
  setLimits(changes: MaximumChanges): void
}

/** The controls of a wrapped plugin's maxima, undefined if it has none. */
export function maxPacketAmountOf(plugin: object): MaxPacketAmountHandle | undefined {
  return handleOf(plugin, NAME) as MaxPacketAmountHandle | undefined
}

export class Handle extends HalvesHandle<Half, Amount> implements MaxPacketAmountHandle {
  constructor(own: Halves<Half>, beneath: object | undefined) {
    super(own, beneath, 'maximum')
  }

  snapshot(): MaximumSnapshot {
    const { incoming, outgoing } = this.halves
    return { incoming: incoming?.maximum, outgoing: outgoing?.maximum }
  }

  protected override prepare(half: Half, value: Amount, direction: Direction): () => void {
    const maximum = amount(direction, value, { min: 0n })
    return () => {
      half.maximum = maximum
    }
  }
}
