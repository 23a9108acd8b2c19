import { Pool, errorOutcome } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { isFulfill } from '@ilp-wrap/core/packet'
import type { AmountBucket } from './bucket.js'

/** What one packet has taken. */
class Refund {
  static readonly #pool = new Pool(() => new Refund())
  readonly onReply: (reply: Buffer) => void
  readonly onError: (error: unknown) => void
  #bucket: AmountBucket | undefined
  #amount = 0n
  #direction: Direction = 'outgoing'

  constructor() {
    // what is neither a fulfill nor a reject is no answer to a prepare either: the packet was not executed
    this.onReply = (reply) => {
      this.#end(!isFulfill(reply))
    }
    // what the host throws, the plugin answers with an error; what the plugin throws may leave the packet with the peer
    this.onError = (error) => {
      this.#end(this.#direction === 'incoming' || errorOutcome(error) !== 'ambiguous')
    }
  }

  static of(bucket: AmountBucket, amount: bigint, direction: Direction): Refund {
    const refund = Refund.#pool.take()
    refund.#bucket = bucket
    refund.#amount = amount
    refund.#direction = direction
    return refund
  }

  #end(isDue: boolean): void {
    if (isDue) (this.#bucket as AmountBucket).giveBack(this.#amount)
    this.#bucket = undefined
    Refund.#pool.give(this)
  }
}

/** Gives `amount` back to `bucket` when `answer` shows that the packet was not executed. */
export function refundUnlessFulfilled(
  answer: Promise<Buffer>,
  bucket: AmountBucket,
  amount: bigint,
  direction: Direction
): void {
  const { onReply, onError } = Refund.of(bucket, amount, direction)
  answer.then(onReply, onError)
}
