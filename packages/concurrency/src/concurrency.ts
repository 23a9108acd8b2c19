import { defineMiddleware } from '@ilp-wrap/core'
import type { ConnectOptions, Halves, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { Half } from './half.js'
import { Handle, NAME } from './handle.js'
import { validated } from './options.js'
import type { ConcurrencyOptions, Configs } from './options.js'

export const minimalOptions: ConcurrencyOptions = {}

/**
 * Limits how many requests are in flight, in each direction by a limit of its own. What comes beyond waits for an answer
 * to one of them, in order, within bounds of number, amount and time; what cannot is answered with T03, or, if it is no
 * prepare, refused with a BusyError.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function concurrency(options?: ConcurrencyOptions): Middleware {
  const configs = validated(options)
  const place = {
    ...(configs.incoming !== undefined && { incoming: 'any' as const }),
    ...(configs.outgoing !== undefined && { outgoing: 'any' as const })
  }
  return defineMiddleware({ name: NAME, place }, (setup) => new Concurrency(configs, setup))
}

type Next = (data: Buffer) => Promise<Buffer>

/** A hook that the options do not ask for is not there, and costs nothing. */
class Concurrency implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly lifecycle: Hooks['lifecycle']
  readonly #setup: Setup
  readonly #halves: Halves<Half> = {}
  #handle: Handle | undefined

  constructor({ incoming, outgoing }: Configs, setup: Setup) {
    this.#setup = setup
    if (incoming !== undefined) {
      this.#halves.incoming = new Half('incoming', incoming, setup)
      this.handleData = Concurrency.#handleData
    }
    if (outgoing !== undefined) {
      this.#halves.outgoing = new Half('outgoing', outgoing, setup)
      this.sendData = Concurrency.#sendData
    }
    this.lifecycle = (source) => {
      // an operator in name only: it looks on
      source.subscribe(({ type }) => {
        // without a connection, or after an error, there is nothing to wait for (RFC 0024, "Event: error")
        if (type !== 'connect') this.#cancel()
      })
      return source
    }
  }

  get handle(): Handle {
    return (this.#handle ??= new Handle(this.#halves, this.#setup.beneath(NAME)))
  }

  connect(
    options: ConnectOptions | undefined,
    next: (options: ConnectOptions | undefined) => Promise<void>
  ): Promise<void> {
    this.#halves.incoming?.open()
    this.#halves.outgoing?.open()
    return next(options)
  }

  disconnect(next: () => Promise<void>): Promise<void> {
    this.dispose()
    return next()
  }

  dispose(): void {
    this.#cancel()
    this.#halves.incoming?.close()
    this.#halves.outgoing?.close()
  }

  #cancel(): void {
    this.#halves.incoming?.cancel()
    this.#halves.outgoing?.cancel()
  }

  static #handleData(this: Concurrency, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.incoming as Half).pass(data, next)
  }

  static #sendData(this: Concurrency, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.outgoing as Half).pass(data, next)
  }
}
