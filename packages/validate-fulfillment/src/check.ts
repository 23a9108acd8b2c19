import { FULFILL, REJECT, isFulfill, isReject } from '@ilp-wrap/core/packet'
import type { InvalidReply } from './events.js'
import { conditionOf, isPreimage } from './preimage.js'

/** What a check needs of the layer that it works for. */
export interface Judge {
  /** The answer that is given in the place of an invalid one. */
  refuse(reason: InvalidReply, prepare: Buffer): Buffer
}

const MAX_FREE = 256
let free: Check | undefined
let freeCount = 0

/**
 * The check of one answer. A few are used over and over, so that a packet costs no object of its own. It holds a copy of
 * the condition: a host that uses its Buffer again must not turn a valid fulfillment into a wrong one.
 */
export class Check {
  /** Takes the answer, once, and gives it back, or what goes in its place. */
  readonly onReply: (reply: Buffer) => Buffer
  #condition = ''
  #prepare: Buffer | undefined
  #judge: Judge | undefined
  #next: Check | undefined

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
    let check = free
    if (check === undefined) {
      check = new Check()
    } else {
      free = check.#next
      freeCount--
    }
    check.#condition = conditionOf(prepare)
    check.#prepare = prepare
    check.#judge = judge
    return check
  }

  /** Gives it back, to be used again. */
  static #release(check: Check): void {
    check.#prepare = undefined
    check.#judge = undefined
    check.#next = undefined
    if (freeCount === MAX_FREE) return
    check.#next = free
    free = check
    freeCount++
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
