import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import type { Clock, Timer } from '@ilp-wrap/core'

/** Sleeps that can be broken off together. */
export class Waiting {
  readonly #clock: Clock
  readonly #sleepers = new Map<Timer, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves after `ms`, or rejects with what `broken` makes. */
  sleep(ms: number, broken: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(
        () => {
          this.#sleepers.delete(timer)
          resolve()
        },
        Math.min(ms, MAX_TIMEOUT_MS)
      )
      this.#sleepers.set(timer, () => reject(broken()))
    })
  }

  /** Breaks off all sleeps. */
  breakOff(): void {
    for (const [timer, fail] of this.#sleepers) {
      this.#clock.clearTimeout(timer)
      fail()
    }
    this.#sleepers.clear()
  }
}
