import { randomInt } from 'node:crypto'
import { OVERHEAD_BYTES } from './terms.js'
import type { Limits } from './terms.js'

/** What is in flight, by its print, with its links in the table. */
export interface Printed<F> {
  readonly print: number
  readonly key: string
  readonly keyLength: number
  /** The next one in the same place of the table. */
  after: F | undefined
  /** How many sweeps there had been when it was added. */
  since: number
}

/** A table has as many places at first, as a power of two. */
const FIRST_BITS = 6

/** Odd, and not the same twice: nobody can choose packets that fall into one place (multiply-shift hashing). */
const MULTIPLIER = 2 * randomInt(2 ** 31) + 1

/**
 * The packets in flight, one for each print, within bounds: one that does not fit is not found again. A table of chains
 * through the packets themselves: a Map from which as much is deleted as is added is made anew all the time.
 */
export class Flights<F extends Printed<F>> {
  readonly #limits: Limits
  #bits = FIRST_BITS
  #table: (F | undefined)[] = places(FIRST_BITS)
  #sweeps = 0
  #size = 0
  #bytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether there is one with this print. */
  has(print: number): boolean {
    return this.#at(print) !== undefined
  }

  /** The one with this key. */
  get(print: number, key: string): F | undefined {
    const flight = this.#at(print)
    return flight?.key === key ? flight : undefined
  }

  /** One that is there with the same print makes room. */
  add(flight: F): void {
    const other = this.#at(flight.print)
    if (other !== undefined) this.delete(other)
    const { maxEntries, maxBytes } = this.#limits
    const bytes = OVERHEAD_BYTES + flight.keyLength
    if (this.#size >= maxEntries || this.#bytes + bytes > maxBytes) return
    if (this.#size === this.#table.length) this.#grow()
    flight.since = this.#sweeps
    this.#link(flight)
    this.#size++
    this.#bytes += bytes
  }

  /** False if it is not here, or no longer. */
  delete(flight: F): boolean {
    const place = this.#place(flight.print)
    let before: F | undefined
    for (let each = this.#table[place]; each !== undefined; each = each.after) {
      if (each === flight) {
        if (before === undefined) this.#table[place] = flight.after
        else before.after = flight.after
        flight.after = undefined
        this.#size--
        this.#bytes -= OVERHEAD_BYTES + flight.keyLength
        return true
      }
      before = each
    }
    return false
  }

  /** Drops those that have seen a sweep before: they may never land. */
  sweep(): void {
    for (const flight of this.#all()) if (flight.since < this.#sweeps) this.delete(flight)
    this.#sweeps++
    if (this.#size > 0) return
    this.#bits = FIRST_BITS
    this.#table = places(FIRST_BITS)
  }

  #place(print: number): number {
    return Math.imul(print, MULTIPLIER) >>> (32 - this.#bits)
  }

  #at(print: number): F | undefined {
    let flight = this.#table[this.#place(print)]
    while (flight !== undefined && flight.print !== print) flight = flight.after
    return flight
  }

  #link(flight: F): void {
    const place = this.#place(flight.print)
    flight.after = this.#table[place]
    this.#table[place] = flight
  }

  #grow(): void {
    const flights = this.#all()
    this.#table = places(++this.#bits)
    for (const flight of flights) this.#link(flight)
  }

  #all(): F[] {
    const all: F[] = []
    for (const first of this.#table) for (let each = first; each !== undefined; each = each.after) all.push(each)
    return all
  }
}

function places<F>(bits: number): (F | undefined)[] {
  return new Array<F | undefined>(2 ** bits).fill(undefined)
}
