import { Pool } from '@ilp-wrap/core'
import { FULFILL, REJECT, isFulfill, isReject } from '@ilp-wrap/core/packet'
import type { InvalidReply } from './events.js'
import { conditionOf, isPreimage } from './preimage.js'

/** What a check needs of the layer that it works for. */
export interface Judge {
  /** The answer that is given in the place of an invalid one. */
  refuse(reason: InvalidReply, prepare: Buffer): Buffer
}

/**
 * The check of one answer. It holds a copy of the condition: a host that uses its Buffer again must not turn a valid
 * fulfillment into a wrong one.
 */
export class Check {
  static readonly #pool = new Pool(() => new Check())
  /** Takes the answer, once, and gives it back, or what goes in its place. */
  readonly onReply: (reply: Buffer) => Buffer
  #condition = ''
  #prepare: Buffer | undefined
  #judge: Judge | undefined

  private constructor() {
    this.onReply = (reply) => {
      const reason = invalidity(reply, this.#condition)
      const prepare = this.#prepare as Buffer
      const judge = this.#judge as Judge
      Check.#release(this)
      return reason === undefined ? reply : judge.refuse(reason, prepare)
    }
  }

  static of(prepare: Buffer, judge: Judge): Check {
    const check = Check.#pool.take()
    check.#condition = conditionOf(prepare)
    check.#prepare = prepare
    check.#judge = judge
    return check
  }

  /** Gives it back, to be used again. */
  static #release(check: Check): void {
    check.#prepare = undefined
    check.#judge = undefined
    Check.#pool.give(check)
  }
}

/** Undefined for a valid fulfill or reject. */
function invalidity(reply: Buffer, condition: string): InvalidReply | undefined {
  if (isFulfill(reply)) return isPreimage(reply, condition) ? undefined : 'wrong-fulfillment'
  if (isReject(reply)) return undefined
  if (!Buffer.isBuffer(reply)) return 'foreign'
  if (reply.length === 0) return 'empty'
  return reply[0] === FULFILL || reply[0] === REJECT ? 'malformed' : 'foreign'
}
