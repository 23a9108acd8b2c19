import { defineMiddleware } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, LifecycleEvent, Middleware, Setup } from '@ilp-wrap/core'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { Connection } from './connection.js'
import { Money, sendMoneyOnceOf } from './money.js'
import { rulesOf } from './options.js'
import type { RetryOptions, Rules } from './options.js'
import { Packets } from './packets.js'

/** The smallest valid options. */
export const minimalOptions: RetryOptions = {}

/**
 * Sends a packet again where that is safe, lets packets wait for the connection, and keeps the plugin connected.
 * `false` leaves everything as it is.
 *
 * @throws InvalidFieldsError for an option that is unknown or of a wrong kind
 */
export function retry(options?: RetryOptions | false): Middleware {
  if (options === false) return defineMiddleware({ name: 'retry', place: {} }, () => ({}))
  const rules = rulesOf(options)
  return defineMiddleware({ name: 'retry', place: { outgoing: 'inside-books' } }, (setup) => {
    const money = moneyOf(setup, rules)
    return money === undefined ? new Retry(setup, rules) : new RetryWithMoney(setup, rules, money)
  })
}

/** Money goes by a key only where the plugin takes one and the key can be kept; else it is the plugin's alone. */
function moneyOf(setup: Setup, rules: Rules): Money | undefined {
  const { plugin, store, account } = setup
  const once = sendMoneyOnceOf(plugin)
  if (once === undefined) return undefined
  if (store !== undefined && account !== undefined) return new Money(setup, rules, once, store, account)
  setup.log.warn('money is not retried: the key of a payment must be stored, which takes a `store` and an `account`')
  return undefined
}

class Retry implements Hooks {
  readonly #connection: Connection
  readonly #packets: Packets

  constructor(setup: Setup, rules: Rules) {
    this.#connection = new Connection(setup, rules)
    this.#packets = new Packets(setup, rules, this.#connection)
  }

  get lifecycle(): MonoTypeOperatorFunction<LifecycleEvent> {
    return this.#connection.lifecycle()
  }

  sendData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    return this.#packets.send(data, next)
  }

  connect(
    options: ConnectOptions | undefined,
    next: (options: ConnectOptions | undefined) => Promise<void>
  ): Promise<void> {
    return this.#connection.connect(options, next)
  }

  disconnect(next: () => Promise<void>): Promise<void> {
    this.#connection.disconnect()
    return next()
  }

  dispose(): void {
    this.#connection.dispose()
  }
}

/** A class of its own, so that a plugin without keys keeps its own `sendMoney`. */
class RetryWithMoney extends Retry {
  readonly #money: Money

  constructor(setup: Setup, rules: Rules, money: Money) {
    super(setup, rules)
    this.#money = money
  }

  sendMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    return this.#money.send(amount, next)
  }

  override async connect(
    options: ConnectOptions | undefined,
    next: (options: ConnectOptions | undefined) => Promise<void>
  ): Promise<void> {
    this.#money.start()
    // as a part of the attempt, it has the time of the attempt, and ends with it
    await super.connect(options, async (given) => {
      await this.#money.load()
      await next(given)
    })
    this.#money.resume()
  }

  override disconnect(next: () => Promise<void>): Promise<void> {
    this.#money.stop()
    return super.disconnect(next)
  }

  override dispose(): void {
    this.#money.stop()
    super.dispose()
  }
}
