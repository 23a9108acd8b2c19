import { OutcomeWindow } from './window.js'

/** `isolated`: open until somebody resets it. */
export type CircuitState = 'closed' | 'open' | 'half-open' | 'isolated'

/** When the circuit opens, and how it closes again. */
export interface Rules {
  /** Milliseconds over which calls are looked at. */
  readonly windowMs: number
  /** It does not open with fewer calls than these in the window. */
  readonly minimumCalls: number
  /** It opens at this share of failures, above 0 to 1. */
  readonly failureRatio: number
  /** Milliseconds that it stays open, at first. */
  readonly halfOpenAfterMs: number
  /** The next time it is so many times as long; 1: the same. */
  readonly growth: number
  /** Milliseconds that it stays open, at most. */
  readonly maxHalfOpenAfterMs: number
  /** How many calls must succeed while it is half-open. */
  readonly trials: number
  /** Milliseconds after which a trial without an outcome has failed. */
  readonly trialTimeoutMs: number
}

export type OpenReason = 'failures' | 'trial-failed' | 'trial-unanswered' | 'disconnected'
export type CloseReason = 'trials-succeeded' | 'connected' | 'reset'

/** Is told what the circuit came to be. */
export interface CircuitObserver {
  opened(reason: OpenReason): void
  halfOpened(): void
  closed(reason: CloseReason): void
  isolated(): void
}

/** What `Circuit.admit` gives for a call that must not be made. */
export const REFUSED = -1

/**
 * The states of a circuit. It knows numbers alone: `now` is a monotonic time in milliseconds, and there is no timer, so an
 * open circuit becomes half-open with the first call that comes after its time.
 *
 * A call is admitted with the number of the period it falls into, the span between two changes of state. An outcome that
 * comes in a later period says nothing about that one and is not counted.
 */
export class Circuit {
  readonly #rules: Rules
  readonly #observer: CircuitObserver
  #state: CircuitState = 'closed'
  #period = 0
  /** Of the closed circuit; made with the first call. */
  #window: OutcomeWindow | undefined
  /** When the open circuit becomes half-open. */
  #until = 0
  /** How often it has opened since it was closed. */
  #openings = 0
  /** Trials that may not be made any more: those without an outcome yet, and those that succeeded. */
  #started = 0
  #succeeded = 0
  #lastTrialAt = 0

  constructor(rules: Rules, observer: CircuitObserver) {
    this.#rules = rules
    this.#observer = observer
  }

  get state(): CircuitState {
    return this.#state
  }

  /** The period of a call that may be made, or `REFUSED`. */
  admit(now: number): number {
    if (this.#state === 'closed') {
      const window = (this.#window ??= new OutcomeWindow(this.#rules.windowMs))
      window.advance(now)
      return this.#period
    }
    if (this.#state === 'open' && now >= this.#until) this.#halfOpen()
    if (this.#state !== 'half-open') return REFUSED
    return this.#try(now)
  }

  /** A call of this period, made at `at`, came to its end: whoever was called is there. */
  succeed(period: number, at: number): void {
    if (period !== this.#period) return
    if (this.#state === 'closed') {
      this.#window?.succeed(at)
      return
    }
    this.#succeeded++
    if (this.#succeeded >= this.#rules.trials) this.#close('trials-succeeded')
  }

  /** A call of this period failed. */
  fail(period: number, now: number): void {
    if (period !== this.#period) return
    if (this.#state !== 'closed') {
      this.#open('trial-failed', now)
      return
    }
    const window = this.#window as OutcomeWindow
    window.fail(now)
    const { calls, failures } = window
    const { minimumCalls, failureRatio } = this.#rules
    if (calls >= minimumCalls && failures >= failureRatio * calls) this.#open('failures', now)
  }

  /** A call of this period came to an end that proves nothing. */
  ignore(period: number): void {
    if (period === this.#period && this.#state === 'half-open') this.#started--
  }

  /** The connection is lost: a closed or half-open circuit opens. */
  disconnected(now: number): void {
    if (this.#state === 'closed' || this.#state === 'half-open') this.#open('disconnected', now)
  }

  /** There is a connection: an open circuit closes, however it came to be open; an isolated one does not. */
  connected(): void {
    if (this.#state === 'open' || this.#state === 'half-open') this.#close('connected')
  }

  isolate(): void {
    if (this.#state === 'isolated') return
    this.#enter('isolated')
    this.#observer.isolated()
  }

  /** Closes the circuit, whatever its state, and forgets what it has counted. */
  reset(): void {
    if (this.#state === 'closed') this.#window?.clear()
    else this.#close('reset')
  }

  /** Calls and failures in the window. */
  counts(now: number): { calls: number; failures: number } {
    this.#window?.advance(now)
    return { calls: this.#window?.calls ?? 0, failures: this.#window?.failures ?? 0 }
  }

  /** Milliseconds until an open circuit lets a call through; `Infinity` for an isolated one, 0 for others. */
  retryAfterMs(now: number): number {
    if (this.#state === 'isolated') return Infinity
    return this.#state === 'open' ? Math.max(0, this.#until - now) : 0
  }

  #try(now: number): number {
    const { trials, trialTimeoutMs } = this.#rules
    if (this.#started >= trials) {
      if (now - this.#lastTrialAt >= trialTimeoutMs) this.#open('trial-unanswered', now)
      return REFUSED
    }
    this.#started++
    this.#lastTrialAt = now
    return this.#period
  }

  #open(reason: OpenReason, now: number): void {
    const { halfOpenAfterMs, growth, maxHalfOpenAfterMs } = this.#rules
    this.#until = now + Math.min(halfOpenAfterMs * growth ** this.#openings, maxHalfOpenAfterMs)
    this.#openings++
    this.#enter('open')
    this.#observer.opened(reason)
  }

  #halfOpen(): void {
    this.#started = 0
    this.#succeeded = 0
    this.#enter('half-open')
    this.#observer.halfOpened()
  }

  #close(reason: CloseReason): void {
    this.#openings = 0
    this.#window?.clear()
    this.#enter('closed')
    this.#observer.closed(reason)
  }

  #enter(state: CircuitState): void {
    this.#state = state
    this.#period++
  }
}
