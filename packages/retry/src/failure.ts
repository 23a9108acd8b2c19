import type { GiveUpReason, Outcome } from './decision.js'

/** One attempt that failed, on its way through `retry` of RxJS: what the host gets if no other attempt follows. */
export class Failure {
  readonly outcome: Outcome
  /** The plugin's own answer or error, the same object. */
  readonly value: unknown
  readonly thrown: boolean
  readonly mayResend: boolean
  reason: GiveUpReason | undefined

  constructor(outcome: Outcome, value: unknown, thrown: boolean, mayResend: boolean) {
    this.outcome = outcome
    this.value = value
    this.thrown = thrown
    this.mayResend = mayResend
  }

  because(reason: GiveUpReason): this {
    this.reason = reason
    return this
  }
}
