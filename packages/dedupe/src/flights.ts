import { OVERHEAD_BYTES } from './terms.js'
import type { Limits } from './terms.js'

/** What is in flight, by its print. */
export interface Printed {
  readonly print: number
  readonly key: string
}

/** The packets that are in flight, one for each print, within bounds: one that does not fit is not found again. */
export class Flights<F extends Printed> {
  readonly #limits: Limits
  /** Those that were added since the last sweep. */
  #young: Table<F> = roomy()
  /** Those that were there at the last sweep. */
  #old: Table<F> | undefined
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
    const bytes = sizeOf(flight)
    if (this.#size >= maxEntries || this.#bytes + bytes > maxBytes) return
    this.#young.set(flight.print, flight)
    this.#size++
    this.#bytes += bytes
  }

  /** Nothing happens if it is not here, or no longer. */
  delete(flight: F): void {
    const { print } = flight
    if (this.#young.get(print) === flight) this.#young.delete(print)
    else if (this.#old?.get(print) === flight) this.#old.delete(print)
    else return
    this.#forget(flight)
  }

  /** Drops those that have seen a sweep before: they may never land. */
  sweep(): void {
    for (const flight of this.#old?.values() ?? []) if (flight !== undefined) this.#forget(flight)
    this.#old = this.#young
    this.#young = roomy()
  }

  #forget(flight: F): void {
    this.#size--
    this.#bytes -= sizeOf(flight)
  }

  #at(print: number): F | undefined {
    return this.#young.get(print) ?? this.#old?.get(print)
  }
}

function sizeOf({ key }: Printed): number {
  return OVERHEAD_BYTES + key.length
}

type Table<F> = Map<number, F | undefined>

/**
 * A map that does not get small: one from which all are deleted again is made smaller each time, and larger for the next,
 * which costs more than all the rest. No print is below 0.
 */
function roomy<F>(): Table<F> {
  const table: Table<F> = new Map()
  for (let print = -1; print >= -64; print--) table.set(print, undefined)
  return table
}
