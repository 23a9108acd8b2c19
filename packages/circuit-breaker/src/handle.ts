import { SafeObservable, handleOf } from '@ilp-wrap/core'
import type { Setup } from '@ilp-wrap/core'
import { Subject } from 'rxjs'
import type { Observable } from 'rxjs'
import type { Circuit, CircuitState } from './circuit.js'

export const NAME = 'circuit-breaker'

export interface CircuitBreakerSnapshot {
  readonly state: CircuitState
  /** Calls and failures in the window; they count anew when the circuit closes. */
  readonly calls: number
  readonly failures: number
  /** Milliseconds until a trial may pass; `Infinity` while isolated, 0 while something passes. */
  readonly retryAfterMs: number
}

/** The controls of a plugin's circuit breaker. */
export interface CircuitBreakerHandle {
  /** An open circuit becomes half-open with the first packet after its time. */
  readonly state: CircuitState
  /** The present state first, then each change. */
  readonly state$: Observable<CircuitState>
  snapshot(): CircuitBreakerSnapshot
  /** Opens the circuit until `reset()`. */
  isolate(): void
  /** Closes the circuit, whatever its state, and forgets what was counted. */
  reset(): void
}

/** The controls of a wrapped plugin's circuit breaker, undefined if it has none. */
export function circuitBreakerOf(plugin: object): CircuitBreakerHandle | undefined {
  return handleOf(plugin, NAME) as CircuitBreakerHandle | undefined
}

export class Handle implements CircuitBreakerHandle {
  readonly #circuit: Circuit
  readonly #setup: Setup
  readonly #changes: Subject<CircuitState> = new Subject()

  constructor(circuit: Circuit, setup: Setup) {
    this.#circuit = circuit
    this.#setup = setup
  }

  get state(): CircuitState {
    return this.#circuit.state
  }

  get state$(): Observable<CircuitState> {
    const report = (error: unknown): void => {
      this.#setup.log.error('an observer of the circuit threw: %O', error)
    }
    return new SafeObservable({ report }, (subscriber) => {
      subscriber.next(this.#circuit.state)
      return this.#changes.subscribe(subscriber)
    })
  }

  snapshot(): CircuitBreakerSnapshot {
    const now = this.#setup.clock.monotonic()
    return { state: this.state, ...this.#circuit.counts(now), retryAfterMs: this.#circuit.retryAfterMs(now) }
  }

  isolate(): void {
    this.#circuit.isolate()
  }

  reset(): void {
    this.#circuit.reset()
  }

  changed(): void {
    this.#changes.next(this.#circuit.state)
  }

  /** Ends what `state$` gives. */
  close(): void {
    this.#changes.complete()
  }
}
