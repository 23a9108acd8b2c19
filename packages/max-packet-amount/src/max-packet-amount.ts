import { defineMiddleware } from '@ilp-wrap/core'
import type { Halves, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { amount, boolean, known } from '@ilp-wrap/core/options'
import type { Amount } from '@ilp-wrap/core/options'
import { Half } from './half.js'
import { Handle, NAME } from './handle.js'

export interface MaxPacketAmountOptions {
  /** The most base units that one prepare may carry; as many pass. Zero lets only prepares of zero pass. */
  readonly maximum: Amount
  /** Whether packets from the peer are looked at. Default: true. */
  readonly incoming?: boolean
  /** Whether packets to the peer are looked at. Default: true. */
  readonly outgoing?: boolean
}

/** The least that it can be made with: no prepare carries more. */
export const minimalOptions: MaxPacketAmountOptions = { maximum: 2n ** 64n - 1n }

/**
 * Refuses prepares above an amount with F08, whose data tells the sender how much may pass.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function maxPacketAmount(options: MaxPacketAmountOptions): Middleware {
  const given = known(options, ['maximum', 'incoming', 'outgoing'])
  const config: Config = {
    maximum: amount('maximum', given.maximum, { min: 0n }),
    incoming: boolean('incoming', given.incoming ?? true),
    outgoing: boolean('outgoing', given.outgoing ?? true)
  }
  const place = {
    ...(config.incoming && { incoming: 'any' as const }),
    ...(config.outgoing && { outgoing: 'any' as const })
  }
  return defineMiddleware({ name: NAME, place }, (setup) => new MaxPacketAmount(config, setup))
}

interface Config {
  readonly maximum: bigint
  readonly incoming: boolean
  readonly outgoing: boolean
}

type Next = (data: Buffer) => Promise<Buffer>

/** A hook that the options do not ask for is not there, and costs nothing. */
class MaxPacketAmount implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  readonly #setup: Setup
  readonly #halves: Halves<Half> = {}
  #handle: Handle | undefined

  constructor({ maximum, incoming, outgoing }: Config, setup: Setup) {
    this.#setup = setup
    if (incoming) {
      this.#halves.incoming = new Half('incoming', maximum, setup)
      this.handleData = MaxPacketAmount.#handleData
    }
    if (outgoing) {
      this.#halves.outgoing = new Half('outgoing', maximum, setup)
      this.sendData = MaxPacketAmount.#sendData
    }
  }

  get handle(): Handle {
    return (this.#handle ??= new Handle(this.#halves, this.#setup.beneath(NAME)))
  }

  static #handleData(this: MaxPacketAmount, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.incoming as Half).pass(data, next)
  }

  static #sendData(this: MaxPacketAmount, data: Buffer, next: Next): Promise<Buffer> {
    return (this.#halves.outgoing as Half).pass(data, next)
  }
}
