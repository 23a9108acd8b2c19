import { Pool } from '@ilp-wrap/core'

/** Who makes the reject. */
export interface Converter {
  convert(error: unknown, prepare: Buffer): Buffer
}

/** The handlers of one answer. */
export class Conversion {
  static readonly #pool = new Pool(() => new Conversion())
  /** Gives the answer back as it is. */
  readonly onReply: (reply: Buffer) => Buffer
  /** Gives a reject in the place of what was thrown. */
  readonly onError: (error: unknown) => Buffer
  #prepare: Buffer | undefined
  #converter: Converter | undefined

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
    const conversion = Conversion.#pool.take()
    conversion.#prepare = prepare
    conversion.#converter = converter
    return conversion
  }

  /** Gives it back, to be used again. */
  static #release(conversion: Conversion): void {
    conversion.#prepare = conversion.#converter = undefined
    Conversion.#pool.give(conversion)
  }
}
