import { Pool } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import type { Tally, Traffic } from './traffic.js'

/** An exchange whose end is awaited. */
export class Exchange {
  static readonly #pool = new Pool(() => new Exchange())
  readonly #onReply: (reply: Buffer) => void
  readonly #onError: (error: unknown) => void
  #traffic: Traffic | undefined
  #clock: Clock | undefined
  /** Monotonic, in milliseconds. */
  #start = 0
  /** Base units; undefined for data that is no prepare. */
  #amount: bigint | undefined

  constructor() {
    this.#onReply = (reply) => {
      this.#end(tallyOf(this.#traffic as Traffic, this.#amount, reply))
    }
    this.#onError = (error) => {
      this.#end((this.#traffic as Traffic).failed(codeOf(error)))
    }
  }

  /** An exchange begins now; `watch` is to be called with its answer. */
  static start(traffic: Traffic, clock: Clock, amount: bigint | undefined): Exchange {
    const exchange = Exchange.#pool.take()
    traffic.inFlight++
    exchange.#traffic = traffic
    exchange.#clock = clock
    exchange.#start = traffic.timed ? clock.monotonic() : 0
    exchange.#amount = amount
    return exchange
  }

  watch(answer: Promise<Buffer>): void {
    answer.then(this.#onReply, this.#onError)
  }

  #end(tally: Tally): void {
    const traffic = this.#traffic as Traffic
    traffic.inFlight--
    tally.add(this.#amount ?? 0n, traffic.timed ? (this.#clock as Clock).monotonic() - this.#start : 0)
    Exchange.#release(this)
  }

  static #release(exchange: Exchange): void {
    exchange.#traffic = undefined
    exchange.#clock = undefined
    Exchange.#pool.give(exchange)
  }
}

function tallyOf(traffic: Traffic, amount: bigint | undefined, reply: Buffer): Tally {
  if (amount === undefined) return traffic.answered()
  if (isFulfill(reply)) return traffic.fulfilled()
  const code = rejectCode(reply)
  return code === undefined ? traffic.invalid() : traffic.rejected(code)
}

function codeOf(error: unknown): unknown {
  try {
    return (error as { ilpErrorCode?: unknown } | null | undefined)?.ilpErrorCode
  } catch {
    // a getter that throws
    return undefined
  }
}
