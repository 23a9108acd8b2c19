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
  /** When what was sent expires, milliseconds since 1970; `Infinity` for what does not. The host may use its Buffer again. */
  expiresAt = 0
  /** When it was sent: monotonic, in milliseconds. */
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

  static of(caller: Caller, expiresAt: number, at: number, period: number): Exchange {
    const exchange = Exchange.#pool.take()
    exchange.#caller = caller
    exchange.expiresAt = expiresAt
    exchange.at = at
    exchange.period = period
    return exchange
  }

  static #release(exchange: Exchange): void {
    exchange.#caller = undefined
    Exchange.#pool.give(exchange)
  }
}
