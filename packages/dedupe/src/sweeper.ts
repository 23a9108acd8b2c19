import type { Clock, Timer } from '@ilp-wrap/core'

/** A timer that goes off now and then while there is something to sweep. It does not keep the process alive. */
export class Sweeper {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #sweep: () => boolean
  #timer: Timer | undefined
  #isClosed = false

  /** `sweep` says whether anything is left. */
  constructor(clock: Clock, everyMs: number, sweep: () => boolean) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#sweep = sweep
  }

  /** There is something. */
  wake(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      if (this.#sweep()) this.wake()
    }, this.#everyMs)
    this.#timer.unref()
  }

  /** From now on there is no timer. */
  close(): void {
    this.#isClosed = true
    if (this.#timer === undefined) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Takes `close` back. */
  open(): void {
    this.#isClosed = false
  }
}
