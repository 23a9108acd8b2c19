import type { Clock, Timer } from './clock.js'
import { InvalidFieldsError } from './errors.js'

/** The longest sleep of the timer, so that a jump of the wall clock is noticed. */
const MAX_SLEEP_MS = 1000

/** Deadlines within the same span of so many milliseconds share a bucket. */
const BUCKET_MS = 10

/** So many empty buckets may stay for the next deadline of their time. */
const SPARE_BUCKETS = 64

// what the classes below do with the links of a Deadline, which nobody else sees
let listOf: (deadline: Deadline) => List | undefined
let afterOf: (deadline: Deadline) => Deadline | undefined
let append: (list: List, deadline: Deadline) => void
let unlink: (list: List, deadline: Deadline) => void

/**
 * Something to be done at a time, unless it is called off before. A subclass holds what `expire` needs, so that a packet
 * costs one object and no closure.
 */
export abstract class Deadline {
  /** Milliseconds since 1970. `Infinity`: never. */
  readonly at: number
  #list: List | undefined
  #before: Deadline | undefined
  #after: Deadline | undefined

  constructor(at: number) {
    if (Number.isNaN(at)) throw new InvalidFieldsError('Expected a deadline to be a time, got `NaN`')
    this.at = at
  }

  /**
   * What is to be done. Whatever it throws is an uncaught exception, as what a timer's callback throws is, but only once
   * the other deadlines have had their turn.
   */
  abstract expire(): void

  static {
    listOf = (deadline) => deadline.#list
    afterOf = (deadline) => deadline.#after
    append = (list, deadline) => {
      const { last } = list
      deadline.#list = list
      deadline.#before = last
      if (last === undefined) list.first = deadline
      else last.#after = deadline
      list.last = deadline
    }
    unlink = (list, deadline) => {
      const before = deadline.#before
      const after = deadline.#after
      if (before === undefined) list.first = after
      else before.#after = after
      if (after === undefined) list.last = before
      else after.#before = before
      deadline.#list = deadline.#before = deadline.#after = undefined
    }
  }
}

/** Deadlines in the order in which they were added. */
class List {
  readonly owner: Deadlines
  first: Deadline | undefined
  last: Deadline | undefined

  constructor(owner: Deadlines) {
    this.owner = owner
  }
}

/** The deadlines of one span of time. */
class Bucket extends List {
  /** Which span it is; buckets of a lower number are earlier. */
  readonly number: number
  /** No deadline in here is earlier than this. */
  earliest: number

  constructor(owner: Deadlines, number: number) {
    super(owner)
    this.number = number
    this.earliest = Infinity
  }
}

/**
 * Buckets of deadlines by their time, found by their number, and the earliest of them through a binary heap. A bucket
 * that gets empty stays until its time or until there are too many of its kind, since the next packet wants it again.
 */
class Calendar {
  readonly #buckets = new Map<number, Bucket>()
  #heap: Bucket[] = []
  /** How many buckets are not empty. */
  #used = 0
  /** The bucket of the last deadline that was added: as a rule that of the next one. */
  #recent: Bucket | undefined

  add(owner: Deadlines, deadline: Deadline): void {
    const { at } = deadline
    const number = Math.floor(at / BUCKET_MS)
    let bucket = this.#recent
    if (bucket?.number !== number) bucket = this.#recent = this.#bucket(owner, number)
    if (bucket.first === undefined) {
      this.#used++
      bucket.earliest = at
    } else if (at < bucket.earliest) {
      bucket.earliest = at
    }
    append(bucket, deadline)
  }

  #bucket(owner: Deadlines, number: number): Bucket {
    const known = this.#buckets.get(number)
    if (known !== undefined) return known
    const bucket = new Bucket(owner, number)
    this.#buckets.set(number, bucket)
    siftUp(this.#heap, this.#heap.push(bucket) - 1)
    return bucket
  }

  delete(bucket: List, deadline: Deadline): void {
    unlink(bucket, deadline)
    if (bucket.first !== undefined) return
    this.#used--
    if (this.#heap.length > 2 * this.#used + SPARE_BUCKETS) this.#dropEmpty()
  }

  #dropEmpty(): void {
    const used: Bucket[] = []
    for (const bucket of this.#heap) {
      if (bucket.first === undefined) this.#buckets.delete(bucket.number)
      else used.push(bucket)
    }
    for (let i = (used.length >> 1) - 1; i >= 0; i--) siftDown(used, i)
    this.#heap = used
    this.#recent = undefined
  }

  /** No deadline in here is earlier than this; `Infinity` if there is none. */
  next(): number {
    for (;;) {
      const [bucket] = this.#heap
      if (bucket === undefined) return Infinity
      if (bucket.first !== undefined) return bucket.earliest
      this.#dropFirst(bucket)
    }
  }

  /** Moves the deadlines whose time has come to another list, buckets in the order of their time. */
  moveDue(now: number, due: List): void {
    while (this.next() <= now) {
      const bucket = this.#heap[0] as Bucket
      bucket.earliest = Infinity
      for (let deadline = bucket.first; deadline !== undefined;) {
        const after = afterOf(deadline)
        if (deadline.at <= now) {
          unlink(bucket, deadline)
          append(due, deadline)
        } else if (deadline.at < bucket.earliest) {
          bucket.earliest = deadline.at
        }
        deadline = after
      }
      if (bucket.first === undefined) this.#used--
    }
  }

  #dropFirst(bucket: Bucket): void {
    this.#buckets.delete(bucket.number)
    if (this.#recent === bucket) this.#recent = undefined
    const last = this.#heap.pop() as Bucket
    if (last === bucket) return
    this.#heap[0] = last
    siftDown(this.#heap, 0)
  }
}

function siftUp(heap: Bucket[], from: number): void {
  const bucket = heap[from] as Bucket
  let at = from
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above] as Bucket
    if (parent.number <= bucket.number) break
    heap[at] = parent
    at = above
  }
  heap[at] = bucket
}

function siftDown(heap: Bucket[], from: number): void {
  const bucket = heap[from] as Bucket
  let at = from
  for (;;) {
    let below = 2 * at + 1
    if (below + 1 < heap.length && (heap[below + 1] as Bucket).number < (heap[below] as Bucket).number) below++
    const child = heap[below]
    if (child === undefined || child.number >= bucket.number) break
    heap[at] = child
    at = below
  }
  heap[at] = bucket
}

export interface DeadlinesOptions {
  /** Whether the timer keeps the process alive while deadlines wait. Default: true. */
  readonly ref?: boolean
}

/**
 * Many deadlines over one timer. Adding and deleting take constant time, in whatever order (peers choose when packets
 * expire). A deadline expires once, at the first turn of the timer at which `clock.now()` has reached it, never before,
 * never within `add`; deadlines of one turn expire by their time, those within the same 10 ms as they were added.
 *
 * While nothing waits, the timer runs out, for a second at most, and does not keep the process alive; so packets that
 * come one by one do not set and clear a timer each.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #ref: boolean
  #closed = false
  #timer: Timer | undefined
  /** When the timer goes off; −Infinity if it does so at the next turn. */
  #wakesAt = 0
  /** Those that have a time; made at the first of them, dropped by a timer that finds none. */
  #calendar: Calendar | undefined
  /** Those whose turn it is; defined while they expire. */
  #due: List | undefined
  /** Those without end. */
  #endless: List | undefined
  #size = 0
  /** How many of them are not without end. */
  #waiting = 0

  constructor(clock: Clock, options: DeadlinesOptions = {}) {
    this.#clock = clock
    this.#ref = options.ref ?? true
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /**
   * Lets a deadline wait; one that waits here already stays as it is. One that waits elsewhere is refused with
   * InvalidFieldsError.
   */
  add(deadline: Deadline): void {
    const list = listOf(deadline)
    if (list !== undefined) {
      if (list.owner === this) return
      throw new InvalidFieldsError('Expected a deadline that does not wait elsewhere')
    }
    this.#size++
    const { at } = deadline
    if (at === Infinity) {
      append((this.#endless ??= new List(this)), deadline)
      return
    }
    const calendar = (this.#calendar ??= new Calendar())
    calendar.add(this, deadline)
    this.#waiting++
    // while others expire, the timer is set once they have
    if (this.#due !== undefined) return
    if (this.#timer === undefined || at < this.#wakesAt) this.#sleep(at)
    else if (this.#waiting === 1 && this.#ref) this.#timer.ref()
  }

  /** Calls a deadline off. Nothing happens if it does not wait here. */
  delete(deadline: Deadline): void {
    const list = listOf(deadline)
    if (list?.owner !== this) return
    this.#size--
    if (list === this.#endless) {
      unlink(list, deadline)
      return
    }
    this.#waiting--
    if (list === this.#due) unlink(list, deadline)
    else (this.#calendar as Calendar).delete(list, deadline)
    if (this.#waiting === 0) this.#rest()
  }

  /** From now on the timer ends as soon as nothing waits. What waits goes on to do so. */
  close(): void {
    this.#closed = true
    if (this.#waiting === 0) this.#rest()
  }

  /** Takes `close` back. */
  open(): void {
    this.#closed = false
  }

  /** Nothing waits. */
  #rest(): void {
    if (this.#timer === undefined) return
    if (!this.#closed) {
      if (this.#ref) this.#timer.unref()
      return
    }
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#calendar = undefined
  }

  #sleep(until: number): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    const now = this.#clock.now()
    const ms = Math.min(Math.max(Math.ceil(until - now), 0), MAX_SLEEP_MS)
    this.#wakesAt = ms <= 1 ? -Infinity : now + ms
    this.#timer = this.#clock.setTimeout(this.#wake, ms)
    if (!this.#ref) this.#timer.unref()
  }

  readonly #wake = (): void => {
    this.#timer = undefined
    const calendar = this.#calendar
    if (this.#waiting === 0 || calendar === undefined) {
      this.#calendar = undefined
      return
    }
    const due = (this.#due = new List(this))
    calendar.moveDue(this.#clock.now(), due)
    while (due.first !== undefined) this.#expire(due, due.first)
    this.#due = undefined
    if (this.#waiting > 0) this.#sleep(calendar.next())
    else this.#calendar = undefined
  }

  #expire(due: List, deadline: Deadline): void {
    unlink(due, deadline)
    this.#size--
    this.#waiting--
    try {
      deadline.expire()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
