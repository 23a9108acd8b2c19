import { hash } from 'node:crypto'
import { CONDITION_FROM_AMOUNT, isLong, keyStart } from './key.js'
import { OVERHEAD_BYTES } from './terms.js'
import type { Terms } from './terms.js'

/** Most prepares with their fulfills find room in it, and each of which no more counts than its key. */
const MEMORY_BYTES = 512

/**
 * A prepare as it was when it came, with a hash in the place of the key if that is long, since the host may use its Buffer
 * again; and its fulfill, once that is kept. The memory serves for one packet after the other: thousands of new objects that
 * stay for half a minute would cost the collector of garbage more than all else here.
 */
export class KeptPacket implements Terms {
  print = 0
  expiresAt = 0
  /** How long the fulfill is kept, milliseconds since 1970. */
  until = 0
  #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  #start = 0
  #keyEnd = 0
  #end = 0

  keep(prepare: Buffer, print: number, expiresAt: number): void {
    const start = keyStart(prepare)
    this.print = print
    this.expiresAt = expiresAt
    this.#start = start
    if (!isLong(prepare)) {
      this.#memory.set(prepare)
      this.#keyEnd = prepare.length
      return
    }
    this.#memory.set(prepare.subarray(0, start))
    this.#memory.set(hash('sha256', prepare.subarray(start), 'buffer'), start)
    this.#keyEnd = start + 32
  }

  keepFulfill(fulfill: Buffer, until: number): void {
    this.until = until
    this.#end = this.#keyEnd + fulfill.length
    if (this.#end > this.#memory.length) {
      const memory = Buffer.allocUnsafeSlow(this.#end)
      memory.set(this.#memory.subarray(0, this.#keyEnd))
      this.#memory = memory
    }
    this.#memory.set(fulfill, this.#keyEnd)
  }

  get amount(): bigint {
    return this.#memory.readBigUInt64BE(this.#start - CONDITION_FROM_AMOUNT)
  }

  get key(): string {
    return this.#memory.toString('latin1', this.#start, this.#keyEnd)
  }

  get keyLength(): number {
    return this.#keyEnd - this.#start
  }

  /** A Buffer of the caller's own. */
  get fulfill(): Buffer {
    return Buffer.from(this.#memory.subarray(this.#keyEnd, this.#end))
  }

  /** Bytes that it takes. */
  get size(): number {
    return OVERHEAD_BYTES + this.#memory.length
  }

  /** Bytes that it takes with a fulfill of that length. */
  sizeWith(length: number): number {
    return OVERHEAD_BYTES + Math.max(MEMORY_BYTES, this.#keyEnd + length)
  }

  /** Whether it may serve for another packet: it has not grown. */
  get isReusable(): boolean {
    return this.#memory.length === MEMORY_BYTES
  }
}
