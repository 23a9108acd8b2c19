import { Deadline } from '@ilp-wrap/core'
import type { Clock, Deadlines } from '@ilp-wrap/core'
import { isFulfill, reject } from '@ilp-wrap/core/packet'

/** RFC 0027, "Error Codes", R00: "the next party in the chain did not respond". */
const TIMED_OUT = reject({ code: 'R00', message: 'The packet expired before an answer came' })

/**
 * A repeated prepare that waits for another's answer and expires before that one does: R00 if none has come by then. No
 * layer between here and the answer knows of it, so that nobody else would end it.
 */
export class Repetition extends Deadline {
  readonly promise: Promise<Buffer>
  readonly #onTimeout: () => void
  #resolve!: (reply: Buffer) => void
  #isOver = false

  constructor(at: number, answer: Promise<Buffer>, clock: Clock, deadlines: Deadlines, onTimeout: () => void) {
    super(at)
    this.#onTimeout = onTimeout
    this.promise = new Promise((resolve, fail) => {
      this.#resolve = resolve
      answer.then(
        (reply) => {
          deadlines.delete(this)
          // a fulfill counts if it came before the expiry (RFC 0027, "Terminology"), whatever the timer is doing
          if (isFulfill(reply) && clock.now() >= at) this.expire()
          else resolve(reply)
        },
        (error: unknown) => {
          deadlines.delete(this)
          fail(error)
        }
      )
    })
    deadlines.add(this)
  }

  override expire(): void {
    if (this.#isOver) return
    this.#isOver = true
    // the caller may write into it
    this.#resolve(Buffer.from(TIMED_OUT))
    this.#onTimeout()
  }
}
