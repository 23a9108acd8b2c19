import { Pool } from '@ilp-wrap/core'

/** Who made a call, and is told how it ended. */
export interface Caller {
  replied(reply: Buffer, exchange: Exchange): void
  threw(error: unknown, exchange: Exchange): void
}

/** A call whose end is awaited. */
export class Exchange {
  static readonly #pool = new Pool(() => new Exchange())
  readonly onReply: (reply: Buffer) => void
  readonly onError: (error: unknown) => void
  /** What was sent. */
  data: Buffer = NONE
  /** When: monotonic, in milliseconds. */
  at = 0
  /** The circuit's period of it. */
  period = 0
  #caller: Caller | undefined

  constructor() {
    this.onReply = (reply) => {
      ;(this.#caller as Caller).replied(reply, this)
      Exchange.#release(this)
    }
    this.onError = (error) => {
      ;(this.#caller as Caller).threw(error, this)
      Exchange.#release(this)
    }
  }

  static of(caller: Caller, data: Buffer, at: number, period: number): Exchange {
    const exchange = Exchange.#pool.take()
    exchange.#caller = caller
    exchange.data = data
    exchange.at = at
    exchange.period = period
    return exchange
  }

  static #release(exchange: Exchange): void {
    exchange.#caller = undefined
    exchange.data = NONE
    Exchange.#pool.give(exchange)
  }
}

const NONE = Buffer.alloc(0)
