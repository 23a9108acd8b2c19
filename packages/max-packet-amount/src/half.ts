import type { Direction, Setup } from '@ilp-wrap/core'
import { amountTooLargeData, isForPeer, prepareAmount, prepareDestination, reject } from '@ilp-wrap/core/packet'

/** The maximum of one plugin in one direction. */
export class Half {
  /** Base units; as many pass. */
  maximum: bigint
  readonly #direction: Direction
  readonly #setup: Setup

  constructor(direction: Direction, maximum: bigint, setup: Setup) {
    this.maximum = maximum
    this.#direction = direction
    this.#setup = setup
  }

  pass(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    const amount = prepareAmount(data)
    // what goes to `peer.…` is for the neighbour itself, and no payment that could come in smaller packets
    if (amount === undefined || amount <= this.maximum || isForPeer(data)) return next(data)
    return this.#refuse(data, amount)
  }

  /**
   * F08: final, as the same amount will not pass later, and the one code from whose data a sender learns how large the
   * next packet may be (RFC 0027, "Error Codes").
   */
  #refuse(data: Buffer, amount: bigint): Promise<Buffer> {
    const code = 'F08'
    const { emit, events } = this.#setup
    if (events.observed) {
      const destination = prepareDestination(data)
      emit({ type: 'packet-rejected', direction: this.#direction, code, amount, destination })
    }
    const message = `packet size too large. maxAmount=${this.maximum} actualAmount=${amount}`
    return Promise.resolve(reject({ code, message, data: amountTooLargeData(amount, this.maximum) }))
  }
}
