/** Who makes the reject. */
export interface Converter {
  convert(error: unknown, prepare: Buffer): Buffer
}

const MAX_FREE = 256
let free: Conversion | undefined
let freeCount = 0

/** The handlers of one answer. A few are used over and over, so that a packet costs no functions of its own. */
export class Conversion {
  /** Gives the answer back as it is. */
  readonly onReply: (reply: Buffer) => Buffer
  /** Gives a reject in the place of what was thrown. */
  readonly onError: (error: unknown) => Buffer
  #prepare: Buffer | undefined
  #converter: Converter | undefined
  #next: Conversion | undefined

  private constructor() {
    this.onReply = (reply) => {
      Conversion.#release(this)
      return reply
    }
    this.onError = (error) => {
      const prepare = this.#prepare as Buffer
      const converter = this.#converter as Converter
      Conversion.#release(this)
      return converter.convert(error, prepare)
    }
  }

  static of(prepare: Buffer, converter: Converter): Conversion {
    let conversion = free
    if (conversion === undefined) {
      conversion = new Conversion()
    } else {
      free = conversion.#next
      freeCount--
    }
    conversion.#prepare = prepare
    conversion.#converter = converter
    return conversion
  }

  /** Gives it back, to be used again. */
  static #release(conversion: Conversion): void {
    conversion.#prepare = conversion.#converter = conversion.#next = undefined
    if (freeCount === MAX_FREE) return
    conversion.#next = free
    free = conversion
    freeCount++
  }
}
