import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import type { Clock } from '@ilp-wrap/core'
import PQueue from 'p-queue'
import type { WaitingConfig } from './options.js'

/** Where those in one line get their tokens from. */
export interface Source {
  /** Milliseconds until the `count`-th token from now will have come, at least; 0 if it may be there. */
  waitMs(count: number): number
  /** Takes a token. */
  take(): boolean | Promise<boolean>
}

/** A packet that waits for its turn. */
interface Waiter {
  /** Base units. */
  readonly amount: bigint
  /** The moment it has to go by, milliseconds since 1970. */
  readonly latest: number
  go(): void
  /** It cannot go in time. */
  refuse(retryAfterMs: number): void
  /** The plugin was disconnected. */
  cancel(): void
}

/** The packets of one plugin that wait: in a line for each bucket, and within bounds that hold for all of them. */
export class WaitingRoom {
  readonly #config: WaitingConfig
  readonly #clock: Clock
  readonly #lines = new Map<unknown, Line>()
  #count = 0
  #amount = 0n

  constructor(config: WaitingConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  get count(): number {
    return this.#count
  }

  get amount(): bigint {
    return this.#amount
  }

  /** True if somebody waits for this bucket: who comes now has to stand behind. */
  isOccupied(bucket: unknown): boolean {
    return this.#lines.has(bucket)
  }

  /** Milliseconds until who comes now could have a token, at least. */
  waitMs(bucket: unknown, source: Source): number {
    const line = this.#lines.get(bucket)
    return line === undefined ? source.waitMs(1) : line.source.waitMs(line.waiters.size + 1)
  }

  /** False when there is no room, or it could not go in time. */
  admits(amount: bigint, latest: number, waitMs: number): boolean {
    const { maxWaiting, maxAmount } = this.#config
    if (this.#count >= maxWaiting) return false
    if (maxAmount !== undefined && this.#amount + amount > maxAmount) return false
    return this.#clock.now() + waitMs <= latest
  }

  enter(bucket: unknown, source: Source, waiter: Waiter): void {
    let line = this.#lines.get(bucket)
    if (line === undefined) {
      line = new Line(source, this.#clock, (gone) => {
        this.#leave(bucket, gone)
      })
      this.#lines.set(bucket, line)
    }
    this.#count++
    this.#amount += waiter.amount
    line.join(waiter)
  }

  /** The sources have changed: who now cannot go in time leaves, who can go at once goes. */
  look(): void {
    for (const line of this.#lines.values()) line.look()
  }

  cancel(): void {
    for (const line of [...this.#lines.values()]) line.cancel()
  }

  #leave(bucket: unknown, waiter: Waiter): void {
    this.#count--
    this.#amount -= waiter.amount
    if (this.#lines.get(bucket)?.waiters.size === 0) this.#lines.delete(bucket)
  }
}

/** Packets in the order in which they came; the first has its turn until it goes, or leaves. */
class Line {
  readonly source: Source
  readonly waiters: Set<Waiter> = new Set()
  readonly #clock: Clock
  readonly #onLeave: (waiter: Waiter) => void
  readonly #queue = new PQueue({ concurrency: 1 })
  #wake: (() => void) | undefined

  constructor(source: Source, clock: Clock, onLeave: (waiter: Waiter) => void) {
    this.source = source
    this.#clock = clock
    this.#onLeave = onLeave
  }

  join(waiter: Waiter): void {
    this.waiters.add(waiter)
    void this.#queue.add(() => this.#turn(waiter))
  }

  look(): void {
    this.#refuseTheLate()
    this.#wake?.()
  }

  /** Whoever comes while they leave is not among them. */
  cancel(): void {
    for (const waiter of [...this.waiters]) {
      // who hears of one may call this again, and the rest have left by then
      if (!this.waiters.has(waiter)) continue
      this.#leave(waiter)
      waiter.cancel()
    }
    this.#wake?.()
  }

  async #turn(waiter: Waiter): Promise<void> {
    while (this.waiters.has(waiter)) {
      const waitMs = this.source.waitMs(1)
      if (waitMs > 0) {
        this.#refuseTheLate()
        if (this.waiters.has(waiter)) await this.#sleep(waitMs)
        continue
      }
      if (this.#refusedAsLate(waiter)) return
      const answer = this.source.take()
      const taken = typeof answer === 'boolean' ? answer : await answer
      // while a limiter was asked, much may have happened
      if (!taken || !this.waiters.has(waiter) || this.#refusedAsLate(waiter)) continue
      this.#leave(waiter)
      waiter.go()
    }
  }

  #refusedAsLate(waiter: Waiter): boolean {
    if (this.#clock.now() <= waiter.latest) return false
    this.#leave(waiter)
    waiter.refuse(0)
    return true
  }

  /** Whoever cannot go in time is told at once, not at the end of a wait for nothing. */
  #refuseTheLate(): void {
    let place = 0
    for (const waiter of this.waiters) {
      const waitMs = this.source.waitMs(place + 1)
      // clocks show whole milliseconds: who was admitted to the last of them stays
      if (this.#clock.now() + waitMs <= waiter.latest + 1) {
        place++
        continue
      }
      this.#leave(waiter)
      waiter.refuse(waitMs)
    }
  }

  #leave(waiter: Waiter): void {
    this.waiters.delete(waiter)
    this.#onLeave(waiter)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => this.#wake?.(), Math.min(ms, MAX_TIMEOUT_MS))
      this.#wake = () => {
        this.#wake = undefined
        this.#clock.clearTimeout(timer)
        resolve()
      }
    })
  }
}
