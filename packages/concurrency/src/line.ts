import { Deadline, Deadlines } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import PQueue from 'p-queue'

/** A request that waits for its turn. */
export interface Request {
  /** Base units. */
  readonly amount: bigint
  /** The moment it has to go by, milliseconds since 1970. */
  readonly latest: number
  go(): void
  /** It cannot go in time. */
  refuse(): void
  /** The connection has gone. */
  cancel(): void
}

/** Requests in the order in which they came; the first has its turn until it goes, or leaves. */
export class Line {
  readonly #hasRoom: () => boolean
  readonly #clock: Clock
  readonly #queue = new PQueue({ concurrency: 1 })
  readonly #waiters = new Set<Waiter>()
  readonly #latest: Deadlines
  #amount = 0n
  #wake: (() => void) | undefined

  constructor(hasRoom: () => boolean, clock: Clock) {
    this.#hasRoom = hasRoom
    this.#clock = clock
    this.#latest = new Deadlines(clock)
  }

  get count(): number {
    return this.#waiters.size
  }

  /** Base units of those who wait. */
  get amount(): bigint {
    return this.#amount
  }

  join(request: Request): void {
    const waiter = new Waiter(request, this)
    this.#waiters.add(waiter)
    this.#amount += request.amount
    this.#latest.add(waiter)
    // who leaves does so through the signal: the queue forgets it at once, and says so by a rejection
    this.#queue.add(() => this.#turn(waiter), { signal: waiter.leaving.signal }).catch(() => undefined)
  }

  /** There may be room now. */
  look(): void {
    this.#wake?.()
  }

  refuse(waiter: Waiter): void {
    this.#leave(waiter)
    waiter.leaving.abort(null)
    waiter.request.refuse()
  }

  /** Whoever comes while they leave is not among them. */
  cancel(): void {
    for (const waiter of [...this.#waiters]) {
      // who hears of one may call this again, and the rest have left by then
      if (!this.#waiters.has(waiter)) continue
      this.#leave(waiter)
      waiter.leaving.abort(null)
      waiter.request.cancel()
    }
  }

  /** Ends the timer as soon as nobody waits. */
  close(): void {
    this.#latest.close()
  }

  open(): void {
    this.#latest.open()
  }

  async #turn(waiter: Waiter): Promise<void> {
    while (this.#waiters.has(waiter)) {
      if (!this.#hasRoom()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#leave(waiter)
      // the timer may be late, or the wall clock have jumped
      if (this.#clock.now() < waiter.at) waiter.request.go()
      else waiter.request.refuse()
    }
  }

  #leave(waiter: Waiter): void {
    this.#waiters.delete(waiter)
    this.#amount -= waiter.request.amount
    this.#latest.delete(waiter)
  }
}

class Waiter extends Deadline {
  readonly request: Request
  readonly leaving: AbortController = new AbortController()
  readonly #line: Line

  constructor(request: Request, line: Line) {
    super(request.latest)
    this.request = request
    this.#line = line
  }

  override expire(): void {
    this.#line.refuse(this)
  }
}
