import { Deadline, Deadlines, TimeoutError, monotonicClock } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import type { LimiterConfig } from './options.js'

/**
 * What can stand in for the buckets: any limiter of rate-limiter-flexible, or whatever has its `consume`. It resolves
 * to let a packet pass. To refuse it, it rejects with an object that is no Error and has a number `msBeforeNext`.
 */
export interface Limiter {
  consume(key: string, points: number): Promise<unknown>
}

/** Asks a limiter, and waits no longer than `timeoutMs` for its answer. */
export class Consultant {
  readonly #config: LimiterConfig
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #onError: (error: unknown, again: boolean) => void
  #failing = false

  /** `onError` is told of each failure, and whether the one before failed as well. */
  constructor(config: LimiterConfig, clock: Clock, onError: (error: unknown, again: boolean) => void) {
    this.#config = config
    this.#clock = clock
    this.#onError = onError
    // on the wall clock, a step back would have packets wait for as much longer
    this.#deadlines = new Deadlines(monotonicClock(clock))
    // no timer without a question
    this.#deadlines.close()
  }

  /** Milliseconds to wait before asking again: 0 to pass, `Infinity` if nobody knows. */
  async ask(key: string): Promise<number> {
    const { limiter, timeoutMs, onError } = this.#config
    const question = new Question(this.#clock.monotonic() + timeoutMs)
    this.#deadlines.add(question)
    let waitMs: number | undefined
    try {
      await Promise.race([limiter.consume(key, 1), question.timeout])
      waitMs = 0
    } catch (error) {
      waitMs = msBeforeNext(error)
      if (waitMs === undefined) this.#onError(error, this.#failing)
    }
    this.#deadlines.delete(question)
    this.#failing = waitMs === undefined
    return waitMs ?? (onError === 'allow' ? 0 : Infinity)
  }
}

class Question extends Deadline {
  readonly timeout: Promise<never>
  #fail!: (error: Error) => void

  constructor(at: number) {
    super(at)
    this.timeout = new Promise((_resolve, reject) => {
      this.#fail = reject
    })
  }

  override expire(): void {
    this.#fail(new TimeoutError('The limiter did not answer in time'))
  }
}

/** What a refusal says; undefined for a failure. */
function msBeforeNext(refusal: unknown): number | undefined {
  if (typeof refusal !== 'object' || refusal === null || refusal instanceof Error) return undefined
  const ms = (refusal as { msBeforeNext?: unknown }).msBeforeNext
  if (typeof ms !== 'number' || Number.isNaN(ms)) return undefined
  // below zero is rate-limiter-flexible's way to say never
  return ms < 0 ? Infinity : Math.max(1, Math.ceil(ms))
}
