import { defineMiddleware } from '@ilp-wrap/core'
import type { Direction, Middleware, Setup } from '@ilp-wrap/core'
import { boolean, known } from '@ilp-wrap/core/options'
import { isPrepare, prepareAmount, prepareDestination, reject } from '@ilp-wrap/core/packet'
import { Check } from './check.js'
import type { Judge } from './check.js'
import type { InvalidReply } from './events.js'

export interface ValidateFulfillmentOptions {
  /** Checks what the peer answers. Default: true, but false beside `incoming: true`. */
  readonly outgoing?: boolean
  /** Checks what the host answers. Default: false. */
  readonly incoming?: boolean
}

export const minimalOptions: ValidateFulfillmentOptions = {}

/**
 * Checks that the answer to a prepare is a fulfill with the preimage of its condition, or a reject; any other answer is
 * replaced by a reject F05. By default it checks what the peer answers.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function validateFulfillment(options?: ValidateFulfillmentOptions): Middleware {
  const given = known(options, ['outgoing', 'incoming'])
  const incoming = boolean('incoming', given.incoming ?? false)
  const outgoing = boolean('outgoing', given.outgoing ?? !incoming)
  const place = {
    ...(incoming && { incoming: 'outside-books' as const }),
    ...(outgoing && { outgoing: 'inside-books' as const })
  }
  return defineMiddleware({ name: 'validate-fulfillment', place }, (setup) => ({
    ...(incoming && { handleData: hookOf(new Validator(setup, 'incoming')) }),
    ...(outgoing && { sendData: hookOf(new Validator(setup, 'outgoing')) })
  }))
}

type Hook = (data: Buffer, next: (data: Buffer) => Promise<Buffer>) => Promise<Buffer>

function hookOf(judge: Judge): Hook {
  return (data, next) => {
    if (!isPrepare(data)) return next(data)
    const { onReply } = Check.of(data, judge)
    return next(data).then(onReply)
  }
}

/**
 * F05 for all of them: nothing proves that the packet was refused, so nobody may send it again, which a T code would
 * invite to; and a fulfillment that is not the condition's preimage is what the code means (RFC 0027, "Error Codes").
 */
const REJECTS: Readonly<Record<InvalidReply, Buffer>> = {
  empty: reject({ code: 'F05', message: 'The answer was empty' }),
  foreign: reject({ code: 'F05', message: 'The answer was no ILP packet' }),
  malformed: reject({ code: 'F05', message: 'The answer was a malformed ILP packet' }),
  'wrong-fulfillment': reject({ code: 'F05', message: 'The fulfillment did not match the condition' })
}

class Validator implements Judge {
  readonly #setup: Setup
  readonly #direction: Direction

  constructor(setup: Setup, direction: Direction) {
    this.#setup = setup
    this.#direction = direction
  }

  refuse(reason: InvalidReply, prepare: Buffer): Buffer {
    if (this.#setup.events.observed) {
      this.#setup.emit({
        type: 'reply-rejected',
        direction: this.#direction,
        reason,
        code: 'F05',
        amount: prepareAmount(prepare),
        destination: prepareDestination(prepare)
      })
    }
    // a copy: whoever gets it may write into it
    return Buffer.from(REJECTS[reason])
  }
}
