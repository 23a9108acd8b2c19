import { UnreachableError, defineMiddleware } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, LifecycleEvent, Middleware, Setup } from '@ilp-wrap/core'
import { tap } from 'rxjs'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { Account } from './account.js'
import { isPromise } from './awaitable.js'
import { settlesTwice } from './errors.js'
import { Controls } from './handle.js'
import { MemoryLedgerStore } from './memory-ledger.js'
import { parseOptions } from './options.js'
import type { BalanceOptions, Rules } from './options.js'
import { Packets } from './packets.js'
import { Payments } from './payments.js'

/** The least that `balance()` takes: books without bounds. */
export const minimalOptions: BalanceOptions = { maximum: Infinity }

/**
 * Keeps the books between this plugin and its peer: bounds what either may owe, and settles. See the README for what a
 * crash, a late answer and an ambiguous error do to the books.
 *
 * @throws InvalidFieldsError for a bad option, and at wrap for a `settleThreshold` over a plugin that settles by itself
 * @throws InvalidServicesError at wrap for a ledger other than the one in memory without an `account` in the context
 */
export function balance(options: BalanceOptions): Middleware {
  const rules = parseOptions(options)
  const { incoming, outgoing, ledger } = rules
  const place = { ...(incoming && { incoming: 'books' as const }), ...(outgoing && { outgoing: 'books' as const }) }
  // plugins must not come to share books for want of a name
  const needs = ledger === undefined || ledger instanceof MemoryLedgerStore ? [] : (['account'] as const)
  return defineMiddleware({ name: 'balance', place, needs }, (setup) => {
    if (rules.settlement.threshold !== undefined && setup.traits.has('transfers-settle')) {
      throw settlesTwice()
    }
    const hooks = new Balance(setup, rules)
    // a half that is switched off has no hooks
    for (const name of incoming ? [] : ['handleData', 'handleMoney']) Object.defineProperty(hooks, name, NO_HOOK)
    for (const name of outgoing ? [] : ['sendData', 'sendMoney']) Object.defineProperty(hooks, name, NO_HOOK)
    return hooks
  })
}

type Connect = (options: ConnectOptions | undefined) => Promise<void>

const NO_HOOK = { value: undefined }

class Balance implements Hooks {
  lifecycle?: MonoTypeOperatorFunction<LifecycleEvent>
  readonly #setup: Setup
  readonly #rules: Rules
  readonly #account: Account
  readonly #packets: Packets
  /** Made for the first money: most plugins carry packets for long before. */
  #payments: Payments | undefined
  #handle: Controls | undefined
  /** How often the host has disconnected. */
  #disconnects = 0

  constructor(setup: Setup, rules: Rules) {
    this.#setup = setup
    this.#rules = rules
    this.#account = new Account(setup, rules)
    this.#packets = new Packets(this.#account)
    const { threshold } = rules.settlement
    if (threshold === undefined) return
    this.#money.start(threshold)
    this.lifecycle = tap(({ type }) => {
      if (type === 'connect') this.#account.look()
      // the plugin must not be used any more (RFC 0024, "Event: error")
      if (type === 'error') this.#money.stop()
    })
  }

  get #money(): Payments {
    this.#payments ??= new Payments(this.#setup, this.#account, this.#rules)
    return this.#payments
  }

  get handle(): Controls {
    this.#handle ??= new Controls(this.#account, this.#money, this.#rules.settlement)
    return this.#handle
  }

  sendData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    return this.#packets.carry('out', data, next)
  }

  handleData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    return this.#packets.carry('in', data, next)
  }

  sendMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    return this.#money.send(amount, next)
  }

  handleMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    return this.#money.receive(amount, next)
  }

  /** No packet may come before the books are loaded: if they cannot be, the plugin is not connected. */
  connect(options: ConnectOptions | undefined, next: Connect): Promise<void> {
    const ledger = this.#account.open()
    return isPromise(ledger) ? this.#connectOnceOpen(ledger, options, next) : this.#connect(options, next)
  }

  async #connectOnceOpen(opening: Promise<unknown>, options: ConnectOptions | undefined, next: Connect): Promise<void> {
    const before = this.#disconnects
    await opening
    if (this.#disconnects !== before) throw new UnreachableError('disconnect() was called while connecting')
    await this.#connect(options, next)
  }

  #connect(options: ConnectOptions | undefined, next: Connect): Promise<void> {
    this.#packets.open()
    const connected = next(options)
    const { threshold } = this.#rules.settlement
    if (threshold !== undefined) void this.#settleOnce(connected, threshold)
    return connected
  }

  async #settleOnce(connected: Promise<void>, threshold: bigint): Promise<void> {
    const before = this.#disconnects
    try {
      await connected
    } catch {
      return // the caller of `connect` has the error
    }
    if (this.#disconnects !== before) return
    this.#money.start(threshold)
    this.#account.look()
  }

  disconnect(next: () => Promise<void>): Promise<void> {
    this.#disconnects++
    this.#payments?.stop()
    this.#packets.close()
    return next()
  }

  dispose(): void {
    this.#payments?.stop()
    this.#packets.close()
    this.#account.close()
  }
}
