import { defineMiddleware } from '@ilp-wrap/core'
import type { Middleware } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, rejectCode } from '@ilp-wrap/core/packet'

/** What became of one end's outgoing packets, as its host saw it. */
export interface Counts {
  /** Prepares of more than nothing. */
  packets: number
  /** Units in them that were fulfilled. */
  units: bigint
  /** By outcome: `fulfilled`, a reject code, or `thrown`. */
  outcomes: Record<string, number>
}

export function count(counts: Counts): Middleware {
  const add = (outcome: string): void => {
    counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1
  }
  return defineMiddleware({ name: 'count', place: { outgoing: 'any' } }, () => ({
    sendData(data, next) {
      const amount = prepareAmount(data) ?? 0n
      const answer = next(data)
      if (amount === 0n) return answer
      counts.packets++
      answer.then(
        (reply) => {
          if (isFulfill(reply)) counts.units += amount
          add(isFulfill(reply) ? 'fulfilled' : (rejectCode(reply) ?? 'invalid'))
        },
        () => {
          add('thrown')
        }
      )
      return answer
    }
  }))
}
