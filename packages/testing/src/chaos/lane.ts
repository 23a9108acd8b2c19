import { deferred } from '../deferred.js'
import type { Deferred } from '../deferred.js'
import type { Fortune } from './fortune.js'
import { STRIKES } from './rates.js'
import type { Strike } from './rates.js'

export type Direction = 'incoming' | 'outgoing'

/** One direction: what becomes of its packets, those that let others pass, and what was done to them. */
export class Lane {
  readonly direction: Direction
  readonly fortune: Fortune
  readonly counts: Record<Strike, number>
  #stepped: Deferred<void>[] = []

  constructor(direction: Direction, fortune: Fortune) {
    this.direction = direction
    this.fortune = fortune
    this.counts = Object.fromEntries(STRIKES.map((strike) => [strike, 0])) as Record<Strike, number>
  }

  /** Resolves once another packet has passed. */
  stepAside(): Promise<void> {
    const aside = deferred()
    this.#stepped.push(aside)
    return aside.promise
  }

  /** Another packet has passed. */
  passed(): void {
    const stepped = this.#stepped
    if (stepped.length === 0) return
    this.#stepped = []
    for (const aside of stepped) aside.resolve()
  }
}
