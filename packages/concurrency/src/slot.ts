import { Deadline } from '@ilp-wrap/core'

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

const MAX_KEPT = 256
let kept: Listener | undefined
let keptCount = 0

/** The listener of one answer. A few are used over and over, so that a packet costs no function of its own. */
class Listener {
  readonly onSettled: () => void
  #slot: Slot | undefined
  #next: Listener | undefined

  constructor() {
    this.onSettled = () => {
      Listener.#keep(this).free()
    }
  }

  static of(slot: Slot): Listener {
    let listener = kept
    if (listener === undefined) {
      listener = new Listener()
    } else {
      kept = listener.#next
      keptCount--
    }
    listener.#slot = slot
    return listener
  }

  static #keep(listener: Listener): Slot {
    const slot = listener.#slot as Slot
    listener.#slot = undefined
    listener.#next = undefined
    if (keptCount < MAX_KEPT) {
      listener.#next = kept
      kept = listener
      keptCount++
    }
    return slot
  }
}

/** Frees `slot` once there is an answer, be it an error. */
export function freeOnceSettled(slot: Slot, answer: Promise<Buffer>): void {
  const { onSettled } = Listener.of(slot)
  answer.then(onSettled, onSettled)
}
