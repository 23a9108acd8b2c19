import type { Clock, Timer } from '@ilp-wrap/core'
import type { Call, Client, Command } from './call.js'

/** How soon a call is made again after an answer that says "not now", such as CLUSTERDOWN or OOM. */
const PAUSE_MS = 50

/** While nobody answers, it is asked after so long whether anybody does again, each time twice as long, up to the last. */
const PROBE_MS = { first: 250, last: 4000 }

/**
 * The way to one Redis: knows whether anybody answers there, and which calls wait for that. In a Cluster each account has
 * its own, so that a node that hangs stops the accounts of no other.
 */
export class Lane {
  readonly #client: Client
  readonly #clock: Clock
  readonly #probe: Command<unknown>
  readonly #send: (call: Call) => void
  /** In order. */
  readonly #waiting = new Set<Call>()
  /** Whether a call was not answered in time, and none has been since. */
  #stalled = false
  #availableSince: number
  #pause: Timer | undefined
  #probing: Timer | undefined

  constructor(
    client: Client,
    clock: Clock,
    probe: Command<unknown>,
    send: (call: Call) => void,
    availableSince: number
  ) {
    this.#client = client
    this.#clock = clock
    this.#probe = probe
    this.#send = send
    this.#availableSince = availableSince
  }

  get available(): boolean {
    return this.#client.status === 'ready' && !this.#stalled
  }

  /** For how long there were answers without a break, in milliseconds. */
  get availableMs(): number {
    return this.available ? this.#clock.monotonic() - this.#availableSince : 0
  }

  /** Whether a call that is made now would pass none that waits. */
  get isFree(): boolean {
    return this.available && this.#waiting.size === 0
  }

  wait(call: Call): void {
    this.#waiting.add(call)
    if (this.available) this.#pause ??= this.#clock.setTimeout(this.#resume, PAUSE_MS)
  }

  /** The deadline of `call` has come. */
  tooLate(call: Call): void {
    if (this.#waiting.delete(call) || !this.available) return
    this.#stalled = true
    this.#probeLater(PROBE_MS.first)
  }

  /** Something was answered, be it an error or too late. */
  answered(): void {
    if (this.#stalled) this.ready(this.#clock.monotonic())
  }

  ready(since: number): void {
    this.#stalled = false
    this.#availableSince = since
    this.#stopTimers()
    this.#resume()
  }

  /** Gives back what waits: it will not be sent from here. */
  end(): Call[] {
    this.#stopTimers()
    return this.#takeWaiting()
  }

  readonly #resume = (): void => {
    this.#pause = undefined
    if (!this.available) return
    for (const call of this.#takeWaiting()) this.#send(call)
  }

  #takeWaiting(): Call[] {
    const calls = [...this.#waiting]
    this.#waiting.clear()
    return calls
  }

  /**
   * The answer to the call that was too late may never come: the client may have failed it, or wait for it at a node that
   * is no more. Nothing else is sent meanwhile that could be answered.
   */
  #probeLater(ms: number): void {
    this.#probing = this.#clock.setTimeout(() => {
      this.#probeLater(Math.min(2 * ms, PROBE_MS.last))
      void this.#ask()
    }, ms)
    this.#probing.unref()
  }

  async #ask(): Promise<void> {
    try {
      await this.#probe(this.#client)
    } catch (error) {
      if (!isAnswer(error)) return
    }
    this.answered()
  }

  #stopTimers(): void {
    for (const timer of [this.#pause, this.#probing]) if (timer !== undefined) this.#clock.clearTimeout(timer)
    this.#pause = this.#probing = undefined
  }
}

/** Whether an error is what a server has said, such as OOM or BUSY. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}
