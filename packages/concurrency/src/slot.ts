import { Deadline, Pool } from '@ilp-wrap/core'

export interface SlotOwner {
  free(slot: Slot): void
}

/** A request in flight: from when it goes on until its answer, or its expiry, whichever is first. */
export class Slot extends Deadline {
  /**
   * One stays for ever: when the collector of garbage meets none, V8 forgets what they look like, and throws away the
   * code that it has optimized for them.
   */
  static readonly eternal: Slot = new Slot(Infinity, { free: () => undefined })
  isFree = false
  readonly #owner: SlotOwner

  constructor(at: number, owner: SlotOwner) {
    super(at)
    this.#owner = owner
  }

  free(): void {
    if (this.isFree) return
    this.isFree = true
    this.#owner.free(this)
  }

  /** After it, nobody may fulfill the packet any more (RFC 0027, "Terminology"). The answer may never come. */
  override expire(): void {
    this.free()
  }
}

/** The listener of one answer. */
class Listener {
  static readonly #pool = new Pool(() => new Listener())
  readonly onSettled: () => void
  #slot: Slot | undefined

  constructor() {
    this.onSettled = () => {
      const slot = this.#slot as Slot
      this.#slot = undefined
      Listener.#pool.give(this)
      slot.free()
    }
  }

  static of(slot: Slot): Listener {
    const listener = Listener.#pool.take()
    listener.#slot = slot
    return listener
  }
}

/** Frees `slot` once there is an answer, be it an error. */
export function freeOnceSettled(slot: Slot, answer: Promise<Buffer>): void {
  const { onSettled } = Listener.of(slot)
  answer.then(onSettled, onSettled)
}
