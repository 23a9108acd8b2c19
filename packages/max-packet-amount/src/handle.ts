import { InvalidFieldsError, handleOf } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { amount, known } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import type { Half } from './half.js'

export const NAME = 'max-packet-amount'

/** The maximum of each direction in base units, undefined where there is none. */
export interface MaximumSnapshot {
  readonly incoming: bigint | undefined
  readonly outgoing: bigint | undefined
}

/** What to change; what is absent stays as it is. */
export interface MaximumChanges {
  readonly incoming?: Amount
  readonly outgoing?: Amount
}

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

/** An absent direction has no maximum. */
export interface Halves {
  incoming?: Half
  outgoing?: Half
}

export class Handle implements MaxPacketAmountHandle {
  readonly #halves: Halves

  /** The handle `beneath` may have a maximum for a direction that this layer has none for. */
  constructor(own: Halves, beneath: object | undefined) {
    this.#halves = { ...(beneath instanceof Handle && beneath.#halves), ...own }
  }

  snapshot(): MaximumSnapshot {
    const { incoming, outgoing } = this.#halves
    return { incoming: incoming?.maximum, outgoing: outgoing?.maximum }
  }

  setLimits(changes: MaximumChanges): void {
    const given = known(changes, ['incoming', 'outgoing'])
    const incoming = this.#change('incoming', given.incoming)
    const outgoing = this.#change('outgoing', given.outgoing)
    incoming?.()
    outgoing?.()
  }

  #change(direction: Direction, value: Amount | undefined): (() => void) | undefined {
    if (value === undefined) return undefined
    const half = this.#halves[direction] ?? nothingToChange(direction)
    const maximum = amount(direction, value, { min: 0n })
    return () => {
      half.maximum = maximum
    }
  }
}

function nothingToChange(direction: Direction): never {
  throw new InvalidFieldsError(`\`${direction}\` has no maximum that could be changed`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}
