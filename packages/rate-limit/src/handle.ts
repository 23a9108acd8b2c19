import { InvalidFieldsError, handleOf } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { known } from '@ilp-wrap/core/options'
import type { Limits, Rate } from './bucket.js'
import type { Half, HalfSnapshot } from './half.js'
import { changed } from './options.js'

export const NAME = 'rate-limit'

/** A direction without a limit is undefined. */
export interface RateLimitSnapshot {
  readonly incoming: HalfSnapshot | undefined
  readonly outgoing: HalfSnapshot | undefined
}

/** What to change; what is absent stays as it is. */
export interface LimitChanges {
  readonly incoming?: Partial<Limits>
  readonly outgoing?: Partial<Limits>
  /** In both directions. */
  readonly peer?: Partial<Limits>
}

/** The controls of a stack's rate limits, also where each direction has a layer of its own. */
export interface RateLimitHandle {
  snapshot(): RateLimitSnapshot
  /**
   * Changes limits at once: the tokens there are stay, as far as they fit; who waits and can no longer go in time is
   * refused. Throws InvalidFieldsError, and changes nothing, if a limit is wrong, or there is none to change.
   */
  setLimits(changes: LimitChanges): void
}

/** The controls of a wrapped plugin's rate limits, undefined if it has none. */
export function rateLimitOf(plugin: object): RateLimitHandle | undefined {
  return handleOf(plugin, NAME) as RateLimitHandle | undefined
}

export class Handle implements RateLimitHandle {
  readonly #halves: Record<Direction, Half | undefined>

  /** The handle `beneath` may have a limit for a direction that this layer has none for. */
  constructor(incoming: Half | undefined, outgoing: Half | undefined, beneath: object | undefined) {
    const inner = beneath instanceof Handle ? beneath.#halves : undefined
    this.#halves = { incoming: incoming ?? inner?.incoming, outgoing: outgoing ?? inner?.outgoing }
  }

  snapshot(): RateLimitSnapshot {
    const { incoming, outgoing } = this.#halves
    return { incoming: incoming?.snapshot(), outgoing: outgoing?.snapshot() }
  }

  setLimits(changes: LimitChanges): void {
    const { incoming, outgoing } = this.#halves
    const given = known(changes, ['incoming', 'outgoing', 'peer'])
    const rates = {
      incoming: changedRate(given.incoming, incoming?.rate, 'incoming'),
      outgoing: changedRate(given.outgoing, outgoing?.rate, 'outgoing'),
      peerIncoming: incoming?.peerRate && changedRate(given.peer, incoming.peerRate, 'peer'),
      peerOutgoing: outgoing?.peerRate && changedRate(given.peer, outgoing.peerRate, 'peer')
    }
    if (given.peer !== undefined && rates.peerIncoming === undefined && rates.peerOutgoing === undefined) {
      nothingToChange('peer')
    }
    incoming?.setRates(rates.incoming, rates.peerIncoming)
    outgoing?.setRates(rates.outgoing, rates.peerOutgoing)
  }
}

function changedRate(limits: Partial<Limits> | undefined, rate: Rate | undefined, path: string): Rate | undefined {
  if (limits === undefined) return undefined
  return rate === undefined ? nothingToChange(path) : changed(rate, limits, path)
}

function nothingToChange(path: string): never {
  throw new InvalidFieldsError(`\`${path}\` has no limit of this middleware's own that could be changed`, {
    code: 'ILP_WRAP_INVALID_OPTION'
  })
}
