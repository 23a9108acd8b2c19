/** Time as an argument: what counts milliseconds and wakes up later. Tests pass one that they move by hand. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970; it may jump. */
  now(): number
  /** Milliseconds since some moment in the past; it never goes back. */
  monotonic(): number
  /** Runs `callback` once, after `ms` (at most 2^31 − 1). */
  setTimeout(callback: () => void, ms: number): Timer
  clearTimeout(timer: Timer): void
}

/** What `Clock.setTimeout` gives. */
export interface Timer {
  ref(): unknown
  unref(): unknown
}

/** The longest delay that a timer of node takes; beyond it, it fires at once. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => {
    clearTimeout(timer as NodeJS.Timeout)
  }
}

/** The same time with its monotonic count for `now`: for limits that a step of the wall clock must not move. */
export function monotonicClock(clock: Clock): Clock {
  const now = (): number => clock.monotonic()
  return {
    now,
    monotonic: now,
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (timer) => {
      clock.clearTimeout(timer)
    }
  }
}
