import { hash } from 'node:crypto'
import { CONDITION_FROM_AMOUNT, isLong, keyStart } from './key.js'
import type { Terms } from './terms.js'

/** A prepare of which no more counts than its key, and most fulfills, find room in it. */
const MEMORY_BYTES = 1024

/** After the fulfill: the expiry, the time until which it is kept (8 bytes each), and where the key ends (4). */
const TAIL_BYTES = 20

/**
 * A prepare as it was when it came, with a hash in the place of the key if that is long: the host may use its Buffer
 * again. The bytes stand in memory that serves for the next packet, too.
 */
export class KeptPacket implements Terms {
  print = 0
  expiresAt = 0
  readonly #memory = Buffer.allocUnsafe(MEMORY_BYTES)
  #start = 0
  #end = 0

  keep(prepare: Buffer, print: number, expiresAt: number): void {
    const start = keyStart(prepare)
    this.print = print
    this.expiresAt = expiresAt
    this.#start = start
    if (!isLong(prepare, start)) {
      this.#memory.set(prepare)
      this.#end = prepare.length
      return
    }
    this.#memory.set(prepare.subarray(0, start))
    this.#memory.set(hash('sha256', prepare.subarray(start), 'buffer'), start)
    this.#end = start + 32
  }

  get amount(): bigint {
    return this.#memory.readBigUInt64BE(this.#start - CONDITION_FROM_AMOUNT)
  }

  get key(): string {
    return this.#memory.toString('latin1', this.#start, this.#end)
  }

  get keyLength(): number {
    return this.#end - this.#start
  }

  /**
   * The prepare with its fulfill as one string, for `Answer.read`: the collector of garbage moves it as one, and finds
   * nothing in it to follow. Thousands of objects that stay for half a minute would cost it more than all else here.
   */
  withFulfill(fulfill: Buffer, until: number): string {
    const end = this.#end + fulfill.length
    let memory = this.#memory
    if (end + TAIL_BYTES > MEMORY_BYTES) {
      memory = Buffer.allocUnsafe(end + TAIL_BYTES)
      memory.set(this.#memory.subarray(0, this.#end))
    }
    memory.set(fulfill, this.#end)
    memory.writeDoubleBE(this.expiresAt, end)
    memory.writeDoubleBE(until, end + 8)
    memory.writeUInt32BE(this.#end, end + 16)
    return memory.toString('latin1', 0, end + TAIL_BYTES)
  }
}

/** What `withFulfill` has put together. */
export class Answer implements Terms {
  readonly #bytes: Buffer
  readonly #tail: number

  constructor(text: string) {
    this.#bytes = Buffer.from(text, 'latin1')
    this.#tail = text.length - TAIL_BYTES
  }

  get amount(): bigint {
    return this.#bytes.readBigUInt64BE(keyStart(this.#bytes) - CONDITION_FROM_AMOUNT)
  }

  get expiresAt(): number {
    return this.#bytes.readDoubleBE(this.#tail)
  }

  /** Milliseconds since 1970. */
  get until(): number {
    return this.#bytes.readDoubleBE(this.#tail + 8)
  }

  get key(): string {
    return this.#bytes.toString('latin1', keyStart(this.#bytes), this.#keyEnd)
  }

  /** A Buffer of the caller's own. */
  get fulfill(): Buffer {
    return this.#bytes.subarray(this.#keyEnd, this.#tail)
  }

  get #keyEnd(): number {
    return this.#bytes.readUInt32BE(this.#tail + 16)
  }
}
