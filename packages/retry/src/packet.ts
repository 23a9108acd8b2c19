import { Pool } from '@ilp-wrap/core'
import { prepareAmount, prepareDestination } from '@ilp-wrap/core/packet'
import type { Sent } from './decision.js'

type Next = (data: Buffer) => Promise<Buffer>

/** Who is told what becomes of a packet's first attempt. */
export interface Sender {
  answered(answer: Buffer, packet: Packet): Buffer | Promise<Buffer>
  threw(error: unknown, packet: Packet): Promise<Buffer>
}

const MAX_FREE = 1024
/** Packets that are done are used again with their memory, unless it is larger. */
const MAX_KEPT_BYTES = 2048
const NO_MEMORY = Buffer.alloc(0)

/**
 * What was handed to `sendData`, byte for byte as it was then: neither a plugin that writes into the Buffer it gets nor
 * a host that reuses it changes what a later attempt sends.
 */
export class Packet implements Sent {
  static readonly #pool = new Pool(() => new Packet(), MAX_FREE)
  /** Milliseconds since 1970; undefined for what is no prepare. */
  expiresAt: number | undefined
  /** When the first attempt began. */
  startedAt = 0
  /** It waited for the connection as long as it may, and was sent all the same. */
  waitedInVain = false
  readonly onAnswer: (answer: Buffer) => Buffer | Promise<Buffer>
  readonly onError: (error: unknown) => Promise<Buffer>
  #sender: Sender | undefined
  #next: Next | undefined
  #memory: Buffer = NO_MEMORY
  #length = 0

  private constructor() {
    this.onAnswer = (answer) => (this.#sender as Sender).answered(answer, this)
    this.onError = (error) => (this.#sender as Sender).threw(error, this)
  }

  static of(
    sender: Sender,
    next: Next,
    data: Buffer,
    expiresAt: number | undefined,
    startedAt: number,
    waitedInVain: boolean
  ): Packet {
    const packet = Packet.#pool.take()
    packet.expiresAt = expiresAt
    packet.startedAt = startedAt
    packet.waitedInVain = waitedInVain
    packet.#sender = sender
    packet.#next = next
    packet.#keep(data)
    return packet
  }

  /** Nobody needs it any more; it must not be touched afterwards. */
  static release(packet: Packet): void {
    packet.#sender = undefined
    packet.#next = undefined
    if (packet.#memory.length <= MAX_KEPT_BYTES) Packet.#pool.give(packet)
  }

  /** Sends it once more. Each attempt gets a copy of its own. */
  send(): Promise<Buffer> {
    return (this.#next as Next)(Buffer.from(this.#kept))
  }

  get amount(): bigint {
    return prepareAmount(this.#kept) ?? 0n
  }

  get destination(): string | undefined {
    return prepareDestination(this.#kept)
  }

  get #kept(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  #keep(data: Buffer): void {
    const { length } = data
    if (length > this.#memory.length) this.#memory = Buffer.allocUnsafe(length)
    this.#memory.set(data)
    this.#length = length
  }
}
