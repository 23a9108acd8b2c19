import { defineMiddleware } from '@ilp-wrap/core'
import type { Direction, Hooks, Middleware, Setup } from '@ilp-wrap/core'
import { badOption, boolean, known } from '@ilp-wrap/core/options'
import { isForPeer, isPrepare, prepareAmount, prepareDestination, reject } from '@ilp-wrap/core/packet'
import { Conversion } from './conversion.js'
import type { Converter } from './conversion.js'
import { fieldsOf } from './fields.js'
import { CONFIG, assignedAddress } from './ildcp.js'

export interface ErrorToRejectOptions {
  /** Answers the peer with a reject where the host throws. Default: true. */
  readonly incoming?: boolean
  /**
   * Answers the host with a reject where the plugin throws. Default: false, as a reject says that the packet was not
   * executed, and an error does not prove it.
   */
  readonly outgoing?: boolean
  /**
   * The host's ILP address, for `triggeredBy`. Default: the one that the peer assigns by ILDCP (RFC 0031), once the host
   * has asked for it; empty until then.
   */
  readonly address?: string
}

export const minimalOptions: ErrorToRejectOptions = {}

/**
 * Answers a prepare with a reject where an error was thrown: with the code that the error has for it (`ilpErrorCode`), or
 * else T00. By default it does so for packets from the peer.
 *
 * @throws InvalidFieldsError when an option is unknown or wrong
 */
export function errorToReject(options?: ErrorToRejectOptions): Middleware {
  const config = validated(options)
  const { incoming, outgoing } = config
  // beneath the books or a retry, a reject in place of an ambiguous error would say that the peer has not been paid
  const place = {
    ...(incoming && { incoming: 'any' as const }),
    ...(outgoing && { outgoing: 'outside-books' as const })
  }
  return defineMiddleware({ name: 'error-to-reject', place }, (setup) => new ErrorToReject(config, setup))
}

interface Config {
  readonly incoming: boolean
  readonly outgoing: boolean
  readonly address: string | undefined
}

function validated(options: ErrorToRejectOptions | undefined): Config {
  const given = known(options, ['incoming', 'outgoing', 'address'])
  const { address } = given
  if (address !== undefined && !isAddress(address)) badOption('address', 'an ILP address', address)
  return {
    incoming: boolean('incoming', given.incoming ?? true),
    outgoing: boolean('outgoing', given.outgoing ?? false),
    address
  }
}

/** Whether a reject may name it, which is all that is wanted of it. */
function isAddress(text: unknown): text is string {
  if (typeof text !== 'string' || text === '') return false
  try {
    reject({ code: 'T00', message: '', triggeredBy: text })
    return true
  } catch {
    return false
  }
}

type Next = (data: Buffer) => Promise<Buffer>

/** A hook that the options do not ask for is not there, and costs nothing. */
class ErrorToReject implements Hooks {
  readonly sendData: Hooks['sendData']
  readonly handleData: Hooks['handleData']
  /** The host's own, empty while it is not known. */
  address: string
  readonly #incoming: Side
  /** Undefined where the plugin's errors stay errors. */
  readonly #outgoing: Side | undefined
  readonly #isLearning: boolean

  constructor({ incoming, outgoing, address }: Config, setup: Setup) {
    this.address = address ?? ''
    this.#incoming = new Side('incoming', setup, this)
    this.#outgoing = outgoing ? new Side('outgoing', setup, this) : undefined
    this.#isLearning = address === undefined
    if (incoming) this.handleData = ErrorToReject.#handleData
    if (outgoing || (incoming && this.#isLearning)) this.sendData = ErrorToReject.#sendData
  }

  static #handleData(this: ErrorToReject, data: Buffer, next: Next): Promise<Buffer> {
    return isPrepare(data) ? this.#incoming.converted(next(data), data) : next(data)
  }

  static #sendData(this: ErrorToReject, data: Buffer, next: Next): Promise<Buffer> {
    if (!isPrepare(data)) return next(data)
    const asksForAddress = this.#isLearning && isForPeer(data) && prepareDestination(data) === CONFIG
    const answer = next(data)
    if (asksForAddress) this.#learn(answer)
    return this.#outgoing === undefined ? answer : this.#outgoing.converted(answer, data)
  }

  #learn(answer: Promise<Buffer>): void {
    answer.then(
      (reply) => {
        const address = assignedAddress(reply)
        if (isAddress(address)) this.address = address
      },
      () => {
        // the host has it
      }
    )
  }
}

/**
 * T00: temporary, since nobody knows whether the packet itself is at fault (RFC 0027, "Error Codes"). An F code would
 * have the sender give up the payment over a moment's trouble of the host's database.
 */
const UNKNOWN = 'T00'

/** The same for all errors: what one says is for the host's eyes alone. */
const MESSAGE = 'The packet could not be handled'

/** One direction of one plugin. */
class Side implements Converter {
  readonly #direction: Direction
  readonly #setup: Setup
  readonly #host: { readonly address: string }

  constructor(direction: Direction, setup: Setup, host: { readonly address: string }) {
    this.#direction = direction
    this.#setup = setup
    this.#host = host
  }

  converted(answer: Promise<Buffer>, prepare: Buffer): Promise<Buffer> {
    const { onReply, onError } = Conversion.of(prepare, this)
    return answer.then(onReply, onError)
  }

  convert(error: unknown, prepare: Buffer): Buffer {
    const { events, emit, log } = this.#setup
    const direction = this.#direction
    const { code: own, data } = fieldsOf(error)
    const code = own ?? UNKNOWN
    // made before anybody is told: the answer depends on none of them
    const { address: triggeredBy } = this.#host
    const answer = reject({ code, message: MESSAGE, triggeredBy, ...(data !== undefined && { data }) })
    // one with a code is part of the trade; of any other nobody would hear if it did not stand in the log
    if (own === undefined) log.error('An error on an %s packet was answered with %s: %O', direction, code, error)
    if (events.observed) {
      const amount = prepareAmount(prepare)
      const destination = prepareDestination(prepare)
      emit({ type: 'error-converted', direction, code, error, amount, destination })
    }
    return answer
  }
}
