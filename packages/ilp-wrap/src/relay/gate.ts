import { Deadline, Deadlines, UnreachableError, defineMiddleware, handleOf } from '@ilp-wrap/core'
import type { Clock, Hooks, Log, Middleware, PluginV2 } from '@ilp-wrap/core'
import { isPrepare, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'

const NAME = 'relay'

/** What has no expiry counts as under way for so long at most: the time that `expire` gives it. */
const NO_EXPIRY_MS = 30_000

const MESSAGE = 'The relay is being stopped'

/**
 * T01: "the next hop cannot be reached" through here any more, and may be by another way, or by the next relay (RFC 0027,
 * "Error Codes"). An F code would end a payment for a restart; T03 would say that waiting is enough.
 */
const CLOSED = reject({ code: 'T01', message: MESSAGE })

/** Lets requests in at both links until it is closed, and knows which of them are under way. */
export class Gate {
  readonly #clock: Clock
  readonly #underWay: Deadlines
  #isOpen = true
  #onEmpty: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#underWay = new Deadlines(clock)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** How many requests and payments are under way. */
  get size(): number {
    return this.#underWay.size
  }

  /** Lets nothing in from now on. Resolves when all that is under way has been answered or has expired. */
  close(): Promise<void> {
    this.#isOpen = false
    this.#underWay.close()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      this.#look()
    })
  }

  /** Follows something until it has settled; gives it back. */
  track<T>(expiresAt: number | undefined, settling: Promise<T>): Promise<T> {
    const passage = new Passage(expiresAt ?? this.#clock.now() + NO_EXPIRY_MS, this.#look)
    this.#underWay.add(passage)
    const end = (): void => {
      this.#underWay.delete(passage)
      this.#look()
    }
    settling.then(end, end)
    return settling
  }

  /** To stand next to the wire: what it refuses touches nothing else, and it sees each answer last. */
  layer(): Middleware {
    return defineMiddleware({ name: NAME, place: {} }, () => new Port(this))
  }

  readonly #look = (): void => {
    if (this.#underWay.size === 0) this.#onEmpty?.()
  }
}

class Passage extends Deadline {
  readonly #onExpiry: () => void

  constructor(at: number, onExpiry: () => void) {
    super(at)
    this.#onExpiry = onExpiry
  }

  expire(): void {
    this.#onExpiry()
  }
}

/** One link's part of a gate. */
class Port implements Hooks {
  readonly #gate: Gate

  constructor(gate: Gate) {
    this.#gate = gate
  }

  handleData(data: Buffer, next: (data: Buffer) => Promise<Buffer>): Promise<Buffer> {
    if (this.#gate.isOpen) return this.#gate.track(prepareExpiresAt(data), next(data))
    return isPrepare(data) ? Promise.resolve(Buffer.from(CLOSED)) : Promise.reject(new UnreachableError(MESSAGE))
  }

  /** Money that has moved is never refused. */
  handleMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    return this.#gate.track(undefined, next(amount))
  }

  sendMoney(amount: string, next: (amount: string) => Promise<void>): Promise<void> {
    return this.#gate.track(undefined, next(amount))
  }
}

/** To stand next to the host, where no layer of somebody else's hides it: has the log of a link. */
export const logLayer: Middleware = defineMiddleware({ name: NAME, place: {} }, ({ log }) => ({ handle: { log } }))

/** The log of a link, `ilp-wrap:<account>:relay`. */
export function logOf(plugin: PluginV2): Log {
  return (handleOf(plugin, NAME) as { readonly log: Log }).log
}
