import type { PluginEventInput, Setup } from '@ilp-wrap/core'
import { Deadlines } from '@ilp-wrap/core'
import { Budget } from './budget.js'
import type { Connection } from './connection.js'
import { mayResend } from './decision.js'
import type { Outcome, Sent } from './decision.js'
import { nameOf } from './errors.js'
import type { Rules } from './options.js'
import { Waiters } from './waiters.js'

/** What all packets of one plugin have in common. What only a failure needs is made with the first failure. */
export class Shared {
  readonly rules: Rules
  readonly connection: Connection
  readonly clock: Setup['clock']
  readonly #setup: Setup
  #budget: Budget | undefined
  #waiters: Waiters | undefined
  #deadlines: Deadlines | undefined
  #ids = 0

  constructor(setup: Setup, rules: Rules, connection: Connection) {
    this.rules = rules
    this.connection = connection
    this.clock = setup.clock
    this.#setup = setup
  }

  get waiters(): Waiters {
    return (this.#waiters ??= new Waiters(this.rules.maxWaiting, this.rules.maxWaitingAmount))
  }

  get deadlines(): Deadlines {
    if (this.#deadlines === undefined) {
      this.#deadlines = new Deadlines(this.clock)
      // retries are few: the timer need not stay for the next one
      this.#deadlines.close()
    }
    return this.#deadlines
  }

  /** What the events of one packet know it by. */
  nextId(): number {
    this.#ids += 1
    return this.#ids
  }

  emit(event: PluginEventInput): void {
    if (this.#setup.events.observed) this.#setup.emit(event)
  }

  /** No attempt but the first starts later, nor does a wait end later. */
  deadlineOf(expiresAt: number | undefined, startedAt: number): number {
    return expiresAt === undefined ? startedAt + this.rules.dataTimeoutMs : expiresAt - this.rules.marginMs
  }

  mayResend(outcome: Outcome, sent: Sent): boolean {
    try {
      return mayResend(outcome, sent, this.rules)
    } catch (error) {
      this.#setup.log.error('`retryOn` threw %s, there is no retry', nameOf(error))
      return false
    }
  }

  /** Takes a token for one retry; false when there is none. */
  takeToken(): boolean {
    if (this.rules.budget === undefined) return true
    return (this.#budget ??= new Budget(this.rules.budget)).take()
  }

  /** A success gives a part of a token back. */
  succeeded(): void {
    this.#budget?.succeed()
  }
}
