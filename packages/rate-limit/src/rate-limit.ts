import { defineMiddleware } from '@ilp-wrap/core'
import type { Hooks, Middleware, Place, Setup } from '@ilp-wrap/core'
import { TokenBucket } from './bucket.js'
import { RateLimitedError } from './errors.js'
import { Half } from './half.js'
import { Handle, NAME } from './handle.js'
import { validated } from './options.js'
import type { Config, RateLimitOptions } from './options.js'

export const minimalOptions: RateLimitOptions = {}

/**
 * Limits packets per time with a token bucket for each direction. What is over the limit is answered with T05, or, if
 * it is no prepare, refused with a RateLimitedError; outgoing packets may wait instead (`mode: 'wait'`).
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function rateLimit(options?: RateLimitOptions): Middleware {
  const config = validated(options)
  const place: Place = {
    ...(config.incoming !== undefined && { incoming: 'any' as const }),
    ...((config.outgoing ?? config.moneyRate) !== undefined && { outgoing: 'any' as const })
  }
  return defineMiddleware({ name: NAME, place }, (setup) => new RateLimit(config, setup))
}

/** A hook that the options do not ask for is not there, and costs nothing. */
class RateLimit implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly sendMoney: Hooks['sendMoney']
  readonly disconnect: Hooks['disconnect']
  readonly lifecycle: Hooks['lifecycle']
  readonly #setup: Setup
  readonly #incoming: Half | undefined
  readonly #outgoing: Half | undefined
  readonly #money: TokenBucket | undefined
  #handle: Handle | undefined

  constructor({ incoming, outgoing, moneyRate }: Config, setup: Setup) {
    this.#setup = setup
    if (incoming !== undefined) {
      this.#incoming = new Half(incoming, setup)
      this.handleData = RateLimit.#handleData
    }
    if (outgoing !== undefined) {
      this.#outgoing = new Half(outgoing, setup)
      this.sendData = RateLimit.#sendData
    }
    if (moneyRate !== undefined) {
      this.#money = new TokenBucket(moneyRate, setup.clock.monotonic())
      this.sendMoney = RateLimit.#sendMoney
    }
    if (outgoing?.waiting === undefined) return
    this.disconnect = RateLimit.#disconnect
    this.lifecycle = (source) => {
      // an operator in name only: it looks on
      source.subscribe(({ type }) => {
        // after an error the plugin must not be used any more (RFC 0024, "Event: error")
        if (type === 'error') this.#outgoing?.cancel()
      })
      return source
    }
  }

  get handle(): Handle {
    return (this.#handle ??= new Handle(this.#incoming, this.#outgoing, this.#setup.beneath(NAME)))
  }

  dispose(): void {
    this.#outgoing?.cancel()
  }

  static #handleData(this: RateLimit, data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    return (this.#incoming as Half).pass(data, next)
  }

  static #sendData(this: RateLimit, data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    return (this.#outgoing as Half).pass(data, next)
  }

  static #sendMoney(this: RateLimit, amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    const bucket = this.#money as TokenBucket
    const setup = this.#setup
    const now = setup.clock.monotonic()
    if (bucket.take(now)) return next(amount)
    const retryAfterMs = bucket.waitMs(now, 1)
    if (setup.events.observed) {
      setup.emit({ type: 'money-rejected', direction: 'outgoing', amount, retryAfterMs })
    }
    return Promise.reject(new RateLimitedError('Too many payments', retryAfterMs))
  }

  static #disconnect(this: RateLimit, next: () => Promise<void>): Promise<void> {
    this.#outgoing?.cancel()
    return next()
  }
}
