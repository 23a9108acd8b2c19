import { systemClock } from '@ilp-wrap/core'
import type { Clock, Timer } from '@ilp-wrap/core'
import { known, milliseconds } from '@ilp-wrap/core/options'
import type { LoopbackEnd } from './loopback-end.js'

export interface LoopbackOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock
  /** How long data, money and answers take one way, in milliseconds. Default: 0, a promise's turn. */
  readonly latencyMs?: number
  /** How long a connection takes to be made, in milliseconds. Default: 0. */
  readonly connectMs?: number
  /** After how long a lost connection is made again, in milliseconds. Absent: not before `connect` is called. */
  readonly reconnectMs?: number
  /** After how long without an answer a request fails, in milliseconds. Default: 35,000, as in ilp-plugin-btp. */
  readonly responseTimeoutMs?: number
}

/** How the far side takes those who connect. */
export type Reception = 'welcome' | 'refused' | 'silence'

/** The wire between two reference plugins. Each end connects by itself; what it sends arrives if both are connected. */
export class Loopback {
  readonly clock: Clock
  readonly latencyMs: number
  readonly connectMs: number
  readonly reconnectMs: number | undefined
  readonly responseTimeoutMs: number
  readonly #ends: LoopbackEnd[] = []
  #reception: Reception = 'welcome'

  /** @throws InvalidFieldsError for a bad or unknown option */
  constructor(options: LoopbackOptions = {}) {
    known(options, ['clock', 'latencyMs', 'connectMs', 'reconnectMs', 'responseTimeoutMs'])
    this.clock = options.clock ?? systemClock
    this.latencyMs = milliseconds('latencyMs', options.latencyMs ?? 0)
    this.connectMs = milliseconds('connectMs', options.connectMs ?? 0)
    this.reconnectMs =
      options.reconnectMs === undefined ? undefined : milliseconds('reconnectMs', options.reconnectMs, { min: 1 })
    this.responseTimeoutMs = milliseconds('responseTimeoutMs', options.responseTimeoutMs ?? 35_000)
  }

  /** Cuts the connections of both ends, as a failing network does. */
  lose(): void {
    for (const end of this.#ends) end.lose()
  }

  /** From now on, who connects is refused. */
  refuse(): void {
    this.#reception = 'refused'
  }

  /** From now on, who connects gets no answer at all. */
  silence(): void {
    this.#reception = 'silence'
  }

  /** Ends `refuse` and `silence`. */
  heal(): void {
    this.#reception = 'welcome'
  }

  get reception(): Reception {
    return this.#reception
  }

  /** Takes an end; false if there are two already. */
  join(end: LoopbackEnd): boolean {
    if (this.#ends.length === 2) return false
    this.#ends.push(end)
    return true
  }

  across(from: LoopbackEnd): LoopbackEnd | undefined {
    return this.#ends.find((end) => end !== from)
  }

  /** Calls `arrive` on the other side of a way that takes `ms`. What it returns may be cleared. */
  travel(ms: number, arrive: () => void): Timer | undefined {
    if (ms > 0) return this.clock.setTimeout(arrive, ms)
    queueMicrotask(arrive)
    return undefined
  }
}
