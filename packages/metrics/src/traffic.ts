/** `answered`: what came back for data that is no prepare; `invalid`: an answer to a prepare that is no ILP packet. */
export type Outcome = 'fulfilled' | 'rejected' | 'invalid' | 'answered' | 'failed'

/** The codes of RFC 0027, "Error Codes". Whatever else a peer writes there must not make a series of its own. */
const CODES: ReadonlySet<unknown> = new Set([
  ...['F00', 'F01', 'F02', 'F03', 'F04', 'F05', 'F06', 'F07', 'F08', 'F99'],
  ...['T00', 'T01', 'T02', 'T03', 'T04', 'T05', 'T99', 'R00', 'R01', 'R02', 'R99']
])

/** Those that came to the same end. */
export class Tally {
  readonly outcome: Outcome
  /** Of a reject, or of an error that has one; else empty. */
  readonly code: string
  packets = 0
  /** Base units of the prepares among them. */
  value = 0n
  /** Shared by all of one outcome; absent if durations are not wanted. */
  readonly durations: Durations | undefined

  constructor(outcome: Outcome, code: string, durations: Durations | undefined) {
    this.outcome = outcome
    this.code = code
    this.durations = durations
  }

  add(amount: bigint, ms: number): void {
    this.packets++
    this.value += amount
    this.durations?.observe(ms)
  }
}

/** How long exchanges took: how many up to each bound, and the sum. */
export class Durations {
  readonly outcome: Outcome
  readonly #bounds: readonly number[]
  /** By the first bound that it does not exceed; the last are those beyond all. */
  readonly counts: number[]
  /** Milliseconds. */
  sum = 0

  /** `bounds`: milliseconds, ascending. */
  constructor(outcome: Outcome, bounds: readonly number[]) {
    this.outcome = outcome
    this.#bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(ms: number): void {
    const bounds = this.#bounds
    let index = 0
    while (index < bounds.length && ms > (bounds[index] as number)) index++
    this.counts[index] = (this.counts[index] as number) + 1
    this.sum += ms
  }
}

const NONE: readonly never[] = Object.freeze([])

/** The packets of one plugin in one direction. What few plugins come to see is made when they do. */
export class Traffic {
  inFlight = 0
  readonly #bounds: readonly number[] | undefined
  /** Most packets come here. */
  #fulfilled: Tally | undefined
  /** So few that looking through them is the fastest way to find one. */
  #others: readonly Tally[] = NONE

  /** `bounds`: of the durations, milliseconds; undefined: none are wanted. */
  constructor(bounds: readonly number[] | undefined) {
    this.#bounds = bounds
  }

  get timed(): boolean {
    return this.#bounds !== undefined
  }

  get tallies(): readonly Tally[] {
    return this.#fulfilled === undefined ? this.#others : [this.#fulfilled, ...this.#others]
  }

  get durations(): Iterable<Durations> {
    return new Set(this.tallies.flatMap(({ durations }) => durations ?? []))
  }

  fulfilled(): Tally {
    return (this.#fulfilled ??= new Tally('fulfilled', '', this.#durationsOf('fulfilled')))
  }

  rejected(code: string): Tally {
    return this.#tally('rejected', CODES.has(code) ? code : 'other')
  }

  /** `code`: what the error says of itself; anything. */
  failed(code: unknown): Tally {
    return this.#tally('failed', CODES.has(code) ? (code as string) : '')
  }

  invalid(): Tally {
    return this.#tally('invalid', '')
  }

  answered(): Tally {
    return this.#tally('answered', '')
  }

  #tally(outcome: Outcome, code: string): Tally {
    for (const tally of this.#others) if (tally.outcome === outcome && tally.code === code) return tally
    const tally = new Tally(outcome, code, this.#durationsOf(outcome))
    this.#others = [...this.#others, tally]
    return tally
  }

  #durationsOf(outcome: Outcome): Durations | undefined {
    if (this.#bounds === undefined) return undefined
    const same = this.#others.find((tally) => tally.outcome === outcome)
    return same?.durations ?? new Durations(outcome, this.#bounds)
  }
}

/** Payments of one plugin in one direction that came to the same end. */
export interface Payments {
  readonly direction: 'incoming' | 'outgoing'
  readonly outcome: 'succeeded' | 'failed'
  count: number
  /** Base units. */
  value: bigint
}

/** The payments of one plugin, `sendMoney` and the money that came. */
export class Money {
  #payments: readonly Payments[] = NONE

  get payments(): readonly Payments[] {
    return this.#payments
  }

  add(direction: Payments['direction'], outcome: Payments['outcome'], amount: string): void {
    let found = this.#payments.find((each) => each.direction === direction && each.outcome === outcome)
    if (found === undefined) {
      found = { direction, outcome, count: 0, value: 0n }
      this.#payments = [...this.#payments, found]
    }
    found.count++
    if (/^[0-9]+$/.test(amount)) found.value += BigInt(amount)
  }
}
