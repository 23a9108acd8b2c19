import { defineMiddleware } from '@ilp-wrap/core'
import type { Halves, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { badOption, known } from '@ilp-wrap/core/options'
import { LIMITS, Rate } from './bucket.js'
import type { Limits } from './bucket.js'
import { Half } from './half.js'
import { Handle, NAME } from './handle.js'

/** One of the two is required. */
export interface ThroughputOptions {
  /** What the peer's prepares may carry per time. Default: no limit. */
  readonly incoming?: Limits
  /** What prepares to the peer may carry per time. Default: no limit. */
  readonly outgoing?: Limits
}

/** Limits in both directions that nothing reaches: a full UInt64 each millisecond. */
export const minimalOptions: ThroughputOptions = {
  incoming: { amount: 2n ** 64n, refillMs: 1 },
  outgoing: { amount: 2n ** 64n, refillMs: 1 }
}

/**
 * Limits the amount that prepares carry per time, in each direction by a bucket of its own. What was not fulfilled is
 * given back. T04 for what is over the limit, F08 for what is larger than the burst and could never pass.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong, or there is no limit at all
 */
export function throughput(options: ThroughputOptions): Middleware {
  const given = known(options, ['incoming', 'outgoing'])
  if (given.incoming === undefined && given.outgoing === undefined) {
    badOption('outgoing', 'limits where `incoming` has none', given.outgoing)
  }
  const rates: Rates = {
    ...(given.incoming !== undefined && { incoming: rateOf(given.incoming, 'incoming') }),
    ...(given.outgoing !== undefined && { outgoing: rateOf(given.outgoing, 'outgoing') })
  }
  const place = {
    ...(rates.incoming !== undefined && { incoming: 'any' as const }),
    ...(rates.outgoing !== undefined && { outgoing: 'any' as const })
  }
  return defineMiddleware({ name: NAME, place }, (setup) => new Throughput(rates, setup))
}

/** An absent direction has no limit. */
interface Rates {
  readonly incoming?: Rate
  readonly outgoing?: Rate
}

function rateOf(limits: Limits, path: string): Rate {
  return new Rate(known(limits, LIMITS, path), path)
}

type Next = (data: Buffer) => Promise<Buffer>

/** A hook that the options do not ask for is not there, and costs nothing. */
class Throughput implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly #setup: Setup
  readonly #halves: Halves<Half> = {}
  #handle: Handle | undefined

  constructor({ incoming, outgoing }: Rates, setup: Setup) {
    this.#setup = setup
    if (incoming !== undefined) {
      this.#halves.incoming = new Half('incoming', incoming, setup)
      this.handleData = Throughput.#handleData
    }
    if (outgoing !== undefined) {
      this.#halves.outgoing = new Half('outgoing', outgoing, setup)
      this.sendData = Throughput.#sendData
    }
  }

  get handle(): Handle {
    return (this.#handle ??= new Handle(this.#halves, this.#setup.beneath(NAME)))
  }

  static #handleData(this: Throughput, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.incoming as Half).pass(data, next)
  }

  static #sendData(this: Throughput, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.outgoing as Half).pass(data, next)
  }
}
