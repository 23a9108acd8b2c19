import { Deadline } from '@ilp-wrap/core'
import type { Direction } from '@ilp-wrap/core'
import { prepareDestination } from '@ilp-wrap/core/packet'
import { uniqueId } from './ids.js'
import type { HoldDirection, HoldId } from './ledger.js'

/** A direction as events name it. */
export function wayOf(direction: HoldDirection): Direction {
  return direction === 'in' ? 'incoming' : 'outgoing'
}

export interface HoldOwner {
  expired(hold: Hold): void
}

/** What one packet holds: its place among the deadlines, its name for the ledger, and the ledger's room, in one object. */
export class Hold extends Deadline implements HoldId {
  /**
   * One hold stays for ever: when the collector of garbage meets none, V8 forgets what a hold looks like, and throws away
   * the code that it has optimized for them. Packets cost three times as much until that is compiled anew.
   */
  static readonly eternal: Hold = new Hold({ expired: () => undefined }, 'in', 0n, Infinity, Buffer.alloc(0))
  status: HoldId['status'] = 'new'
  direction: HoldDirection
  amount: bigint
  note: unknown
  /** Whether it was released because its time had come. */
  expired = false
  readonly #owner: HoldOwner
  /** The packet, or later its destination only. */
  #packet: Buffer | string
  #text: string | undefined

  constructor(owner: HoldOwner, direction: HoldDirection, amount: bigint, expiresAt: number, packet: Buffer) {
    super(expiresAt)
    this.direction = direction
    this.amount = amount
    this.#owner = owner
    this.#packet = packet
  }

  get destination(): string {
    return typeof this.#packet === 'string' ? this.#packet : (prepareDestination(this.#packet) ?? '')
  }

  /** Lets go of the packet, which may be large while the hold may last long. */
  letGoOfPacket(): void {
    this.#packet = this.destination
  }

  /** For holds that are kept although nobody will ask for the destination. */
  forgetPacket(): void {
    this.#packet = ''
  }

  override expire(): void {
    this.expired = true
    this.#owner.expired(this)
  }

  override toString(): string {
    this.#text ??= uniqueId()
    return this.#text
  }
}
