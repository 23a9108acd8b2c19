/** How long to wait before another attempt. Pure: chance is an argument. */

export interface BackoffValues {
  /** Milliseconds that the first wait takes at most; each further one may take twice as long. */
  readonly baseMs: number
  /** Milliseconds that no wait exceeds. */
  readonly maxMs: number
}

const MAX_DOUBLINGS = 60

/**
 * Full jitter: anything from nothing to `baseMs × 2^(n−1)`, `maxMs` at most, so that packets which failed together do
 * not come back together. `attempt` is the one that has just failed, from 1; `random` gives a number from 0 to 1.
 */
export function backoffMs(attempt: number, values: BackoffValues, random: () => number): number {
  // beyond 2^1023 a base of 0 would give no number
  const doublings = Math.min(attempt - 1, MAX_DOUBLINGS)
  return random() * Math.min(values.maxMs, values.baseMs * 2 ** doublings)
}
