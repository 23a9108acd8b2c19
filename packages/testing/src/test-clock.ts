import { setImmediate as nextTurn } from 'node:timers/promises'
import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import type { Clock, Timer } from '@ilp-wrap/core'

/**
 * A clock that the test moves. Its timers behave as node's do: at least 1 ms, and one longer than 2^31 − 1 ms fires
 * after 1 ms.
 */
export interface TestClock extends Clock {
  /**
   * Moves both times on by `ms`, running the timers that fall due, in order, each at its own moment. Before, between and
   * after them all pending promises run. What a timer throws, it throws.
   */
  advance(ms: number): Promise<void>
  /** Moves the wall clock alone, forward or back, as setting a machine's time does. No timer runs. */
  jump(ms: number): void
  /** How many timers wait. */
  readonly pending: number
  /** How many of these would keep a process alive: not those that were unref'd. */
  readonly keepingAlive: number
}

/** A clock at `start` (milliseconds since 1970; default: 2020-01-01T00:00:00Z). */
export function testClock(start: number = Date.UTC(2020, 0, 1)): TestClock {
  return new ManualClock(start)
}

class ManualClock implements TestClock {
  #monotonic = 0
  #offset: number
  /** The next one stands last. */
  readonly #queue: ManualTimer[] = []

  constructor(start: number) {
    this.#offset = start
  }

  now(): number {
    return this.#offset + this.#monotonic
  }

  monotonic(): number {
    return this.#monotonic
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const delay = ms >= 1 && ms <= MAX_TIMEOUT_MS ? Math.trunc(ms) : 1
    const timer = new ManualTimer(callback, this.#monotonic + delay)
    this.#queue.splice(this.#placeFor(timer.due), 0, timer)
    return timer
  }

  clearTimeout(timer: Timer): void {
    const index = this.#queue.findIndex((each) => each === timer)
    if (index >= 0) this.#queue.splice(index, 1)
  }

  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms
    await nextTurn()
    for (let next = this.#queue.at(-1); next !== undefined && next.due <= end; next = this.#queue.at(-1)) {
      this.#queue.pop()
      this.#monotonic = next.due
      next.callback()
      await nextTurn()
    }
    this.#monotonic = end
    await nextTurn()
  }

  jump(ms: number): void {
    this.#offset += ms
  }

  get pending(): number {
    return this.#queue.length
  }

  get keepingAlive(): number {
    return this.#queue.filter((timer) => timer.keepsAlive).length
  }

  /** Before all that fall due earlier or at the same time: those were set first, and are to run first. */
  #placeFor(due: number): number {
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#queue[middle] as ManualTimer).due > due) low = middle + 1
      else high = middle
    }
    return low
  }
}

class ManualTimer implements Timer {
  readonly callback: () => void
  readonly due: number
  keepsAlive = true

  constructor(callback: () => void, due: number) {
    this.callback = callback
    this.due = due
  }

  ref(): this {
    this.keepsAlive = true
    return this
  }

  unref(): this {
    this.keepsAlive = false
    return this
  }
}
