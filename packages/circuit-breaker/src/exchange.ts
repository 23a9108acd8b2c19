/** Who made a call, and is told how it ended. */
export interface Caller {
  replied(reply: Buffer, exchange: Exchange): void
  threw(error: unknown, exchange: Exchange): void
}

const MAX_FREE = 256
let free: Exchange | undefined
let freeCount = 0

/** A call whose end is awaited. A few are used over and over, so that a packet costs no object and no function. */
export class Exchange {
  readonly onReply: (reply: Buffer) => void
  readonly onError: (error: unknown) => void
  /** What was sent. */
  data: Buffer = NONE
  /** When: monotonic, in milliseconds. */
  at = 0
  /** The circuit's period of it. */
  period = 0
  #caller: Caller | undefined
  #next: Exchange | undefined

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
    const exchange = free ?? new Exchange()
    if (exchange === free) {
      free = exchange.#next
      freeCount--
    }
    exchange.#caller = caller
    exchange.data = data
    exchange.at = at
    exchange.period = period
    return exchange
  }

  static #release(exchange: Exchange): void {
    exchange.#caller = undefined
    exchange.data = NONE
    if (freeCount >= MAX_FREE) return
    exchange.#next = free
    free = exchange
    freeCount++
  }
}

const NONE = Buffer.alloc(0)
