import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TIMEOUT_MS, systemClock, type Clock, type Timer } from '../src/clock.js'
import { Deadline, Deadlines } from '../src/deadlines.js'
import { InvalidFieldsError } from '../src/errors.js'

const START = Date.UTC(2026, 10, 24)

class FakeTimer implements Timer {
  readonly at: number
  readonly callback: () => void
  referenced = true
  constructor(at: number, callback: () => void) {
    this.at = at
    this.callback = callback
  }
  ref(): void {
    this.referenced = true
  }
  unref(): void {
    this.referenced = false
  }
}

/** Time that the test moves; the wall clock may jump, timers follow the other one. */
class FakeClock implements Clock {
  timers: FakeTimer[] = []
  timersSet = 0
  longestSleep = 0
  #wall = START
  #monotonic = 0

  now(): number {
    return this.#wall
  }
  monotonic(): number {
    return this.#monotonic
  }
  setTimeout(callback: () => void, ms: number): FakeTimer {
    this.timersSet++
    this.longestSleep = Math.max(this.longestSleep, ms)
    const timer = new FakeTimer(this.#monotonic + Math.max(1, ms), callback)
    this.timers.push(timer)
    return timer
  }
  clearTimeout(timer: Timer): void {
    this.timers = this.timers.filter((other) => other !== timer)
  }
  jump(ms: number): void {
    this.#wall += ms
  }
  advance(ms: number): void {
    const target = this.#monotonic + ms
    for (;;) {
      const [timer] = this.timers.filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)
      if (timer === undefined) break
      this.clearTimeout(timer)
      this.#moveTo(timer.at)
      timer.callback()
    }
    this.#moveTo(target)
  }
  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }
}

class Note extends Deadline {
  readonly #then: () => void
  constructor(at: number, then: () => void) {
    super(at)
    this.#then = then
  }
  expire(): void {
    this.#then()
  }
}

function setup(options?: { ref?: boolean }) {
  const clock = new FakeClock()
  const deadlines = new Deadlines(clock, options)
  /** What has expired, in order. */
  const expired: string[] = []
  const add = (name: string, at: number, then: () => void = () => {}): Note => {
    const deadline = new Note(at, () => {
      expired.push(name)
      then()
    })
    deadlines.add(deadline)
    return deadline
  }
  return { clock, deadlines, expired, add }
}

describe('a deadline', () => {
  it('expires once, when its time has come and not before', () => {
    const { clock, deadlines, expired, add } = setup()
    add('a', START + 30_000)
    clock.advance(29_999)
    expect(expired).toEqual([])
    expect(deadlines.size).toBe(1)
    clock.advance(1)
    expect(expired).toEqual(['a'])
    expect(deadlines.size).toBe(0)
    clock.advance(100_000)
    expect(expired).toEqual(['a'])
  })

  it('does not expire once it has been deleted, and may be deleted again', () => {
    const { clock, deadlines, expired, add } = setup()
    const a = add('a', START + 50)
    add('b', START + 50)
    deadlines.delete(a)
    deadlines.delete(a)
    expect(deadlines.size).toBe(1)
    clock.advance(1000)
    expect(expired).toEqual(['b'])
    deadlines.delete(a)
    expect(deadlines.size).toBe(0)
  })

  it('expires between others of the same hundredth of a second, each in its own millisecond', () => {
    const { clock, deadlines, expired, add } = setup()
    for (const ms of [7, 3, 9, 1, 5, 0, 8]) add(String(ms), START + 1000 + ms)
    const five = add('4', START + 1004)
    clock.advance(1003)
    expect(expired).toEqual(['0', '1', '3'])
    deadlines.delete(five)
    clock.advance(2)
    expect(expired).toEqual(['0', '1', '3', '5'])
    clock.advance(100)
    expect(expired).toEqual(['0', '1', '3', '5', '7', '8', '9'])
  })

  it('is not earlier than its fraction of a millisecond', () => {
    const { clock, expired, add } = setup()
    add('a', START + 10.5)
    add('b', START + 10)
    clock.advance(10)
    expect(expired).toEqual(['b'])
    clock.advance(1)
    expect(expired).toEqual(['b', 'a'])
  })

  it('expires at the next turn, not within add, if its time is over', () => {
    const { clock, expired, add } = setup()
    add('past', START - 5)
    add('now', START)
    add('first of all', -Infinity)
    expect(expired).toEqual([])
    clock.advance(1)
    expect(expired).toEqual(['first of all', 'past', 'now'])
  })

  it('may come before the one that the timer waits for', () => {
    const { clock, expired, add } = setup()
    add('late', START + 900)
    add('early', START + 100)
    clock.advance(100)
    expect(expired).toEqual(['early'])
    clock.advance(800)
    expect(expired).toEqual(['early', 'late'])
  })

  it('lies as far in the future as it likes, beyond what a timer of node can do', () => {
    const { clock, expired, add } = setup()
    add('month', START + MAX_TIMEOUT_MS + 1)
    add('year 9999', Date.UTC(9999, 11, 31))
    add('beyond all dates', Number.MAX_VALUE)
    clock.advance(5000)
    expect(expired).toEqual([])
    clock.jump(MAX_TIMEOUT_MS - 5000 - 1001)
    clock.advance(1001)
    expect(expired).toEqual([])
    clock.advance(1)
    expect(expired).toEqual(['month'])
    clock.jump(Date.UTC(9999, 11, 31) - clock.now())
    clock.advance(1000)
    expect(expired).toEqual(['month', 'year 9999'])
    expect(clock.longestSleep).toBeLessThanOrEqual(1000)
  })

  it('without end never expires, needs no timer, and can be deleted', () => {
    const { clock, deadlines, expired, add } = setup()
    const endless = add('endless', Infinity)
    const other = add('endless, too', Infinity)
    expect(deadlines.size).toBe(2)
    expect(clock.timers).toEqual([])
    clock.advance(1_000_000)
    deadlines.delete(endless)
    deadlines.delete(other)
    expect(deadlines.size).toBe(0)
    expect(expired).toEqual([])
  })

  it('is refused if it is no time', () => {
    const { add } = setup()
    expect(() => add('a', NaN)).toThrow(InvalidFieldsError)
  })

  it('waits in one place, once', () => {
    const { clock, deadlines, expired, add } = setup()
    const a = add('a', START + 10)
    deadlines.add(a)
    expect(deadlines.size).toBe(1)

    const elsewhere = new Deadlines(clock)
    expect(() => elsewhere.add(a)).toThrow(InvalidFieldsError)
    elsewhere.delete(a)
    expect(elsewhere.size).toBe(0)
    expect(deadlines.size).toBe(1)

    deadlines.delete(a)
    elsewhere.add(a)
    clock.advance(10)
    expect(expired).toEqual(['a'])
    // and may wait again
    deadlines.add(a)
    clock.advance(1)
    expect(expired).toEqual(['a', 'a'])
  })
})

describe('while deadlines expire', () => {
  it('one may delete its siblings, which then do not', () => {
    const { clock, deadlines, expired, add } = setup()
    const later: Deadline[] = []
    add('first', START + 10, () => {
      for (const sibling of later) deadlines.delete(sibling)
    })
    later.push(add('same bucket', START + 11), add('same turn', START + 500), add('later', START + 5000))
    add('last', START + 501)
    clock.jump(600)
    clock.advance(1)
    expect(expired).toEqual([])
    clock.advance(10_000)
    expect(expired).toEqual(['first', 'last'])
    expect(deadlines.size).toBe(0)
  })

  it('one may delete itself, or all that is left', () => {
    const { clock, deadlines, expired, add } = setup()
    const self = add('self', START + 10, () => {
      deadlines.delete(self)
      deadlines.delete(other)
    })
    const other = add('other', START + 10)
    clock.advance(100)
    expect(expired).toEqual(['self'])
    expect(deadlines.size).toBe(0)
    expect(clock.timers).toEqual([])
  })

  it('one may add others: those whose time is over have it at the next turn', () => {
    const { clock, deadlines, expired, add } = setup()
    add('a', START + 10, () => {
      add('over', START, () => {
        expect(clock.now()).toBe(START + 11)
      })
      add('soon', START + 300)
      expect(deadlines.size).toBe(3)
    })
    add('b', START + 500)
    clock.advance(10)
    expect(expired).toEqual(['a'])
    clock.advance(1)
    expect(expired).toEqual(['a', 'over'])
    clock.advance(289)
    expect(expired).toEqual(['a', 'over', 'soon'])
    clock.advance(200)
    expect(expired).toEqual(['a', 'over', 'soon', 'b'])
  })

  it('one may throw: the others go on, and what it threw is an uncaught exception', async () => {
    const { clock, expired, add } = setup()
    const thrown = new Error('from expire')
    add('a', START + 10, () => {
      throw thrown
    })
    add('b', START + 10)
    add('c', START + 2000)
    const uncaught = await caught(() => {
      clock.advance(10)
      expect(expired).toEqual(['a', 'b'])
    })
    expect(uncaught).toEqual([thrown])
    clock.advance(2000)
    expect(expired).toEqual(['a', 'b', 'c'])
  })

  /** What becomes an uncaught exception in the microtasks that `run` leaves. */
  async function caught(run: () => void): Promise<unknown[]> {
    const uncaught: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      run()
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
    return uncaught
  }
})

describe('when the wall clock jumps', () => {
  it('forward, what is over expires within a second', () => {
    const { clock, expired, add } = setup()
    add('a', START + 3_600_000)
    clock.advance(10)
    clock.jump(3_600_000)
    clock.advance(1000)
    expect(expired).toEqual(['a'])
  })

  it('backward, nothing expires before its time on the new clock', () => {
    const { clock, expired, add } = setup()
    add('a', START + 5000)
    clock.advance(4900)
    clock.jump(-3_600_000)
    clock.advance(3_600_000 + 99)
    expect(expired).toEqual([])
    clock.advance(1)
    expect(expired).toEqual(['a'])
  })

  it('backward, what is added by the new clock expires by the new clock', () => {
    const { clock, expired, add } = setup()
    add('old', START + 100_000)
    clock.jump(-3_600_000)
    add('new', START - 3_600_000 + 300)
    clock.advance(299)
    expect(expired).toEqual([])
    clock.advance(1)
    expect(expired).toEqual(['new'])
  })
})

describe('the timer', () => {
  const sleeping = (clock: FakeClock) => clock.timers.map(({ referenced }) => referenced)

  it('is one, however many wait, and is not set anew for each that comes and goes', () => {
    const { clock, deadlines, add } = setup()
    for (let i = 0; i < 1000; i++) {
      const deadline = add('a', START + 30_000 + i)
      if (i % 3 !== 0) deadlines.delete(deadline)
    }
    expect(clock.timersSet).toBe(1)
    expect(clock.timers).toHaveLength(1)
  })

  it('is set once for all that are added while others expire', () => {
    const { clock, add } = setup()
    add('a', START + 10, () => {
      for (let i = 0; i < 10; i++) add('b', START + 500 - i)
    })
    clock.advance(10)
    expect(clock.timersSet).toBe(2)
  })

  it('is not set anew for each whose time is over', () => {
    const { clock, add } = setup()
    for (let i = 0; i < 1000; i++) add('a', START - i)
    expect(clock.timersSet).toBe(1)
  })

  it('keeps the process alive only while something waits that has an end', () => {
    const { clock, deadlines, add } = setup()
    add('endless', Infinity)
    const a = add('a', START + 30_000)
    expect(sleeping(clock)).toEqual([true])
    deadlines.delete(a)
    expect(sleeping(clock)).toEqual([false])
    const b = add('b', START + 30_000)
    expect(sleeping(clock)).toEqual([true])
    clock.advance(5000)
    expect(sleeping(clock)).toEqual([true])
    deadlines.delete(b)
    expect(sleeping(clock)).toEqual([false])
  })

  it('never keeps the process alive with ref: false', () => {
    const { clock, deadlines, add } = setup({ ref: false })
    const a = add('a', START + 30_000)
    expect(sleeping(clock)).toEqual([false])
    deadlines.delete(a)
    add('b', START + 30_000)
    expect(sleeping(clock)).toEqual([false])
    add('c', START + 10)
    expect(sleeping(clock)).toEqual([false])
    clock.advance(5000)
    expect(sleeping(clock)).toEqual([false])
  })

  it('runs out within a second when nothing waits any more', () => {
    const { clock, deadlines, add } = setup()
    deadlines.delete(add('a', START + 30_000))
    expect(clock.timers).toHaveLength(1)
    clock.advance(1000)
    expect(clock.timers).toEqual([])
    // and begins again
    add('b', START + 2000)
    expect(clock.timers).toHaveLength(1)
  })

  it('ends at once by close() when nothing waits', () => {
    const { clock, deadlines, add } = setup()
    deadlines.close()
    deadlines.delete(add('a', START + 30_000))
    expect(clock.timers).toEqual([])
    deadlines.open()
    deadlines.delete(add('b', START + 30_000))
    expect(clock.timers).toHaveLength(1)
    deadlines.close()
    expect(clock.timers).toEqual([])
  })

  it('ends after close() with the last that waits, be it deleted or expired', () => {
    const { clock, deadlines, expired, add } = setup()
    const a = add('a', START + 30_000)
    add('b', START + 300)
    deadlines.close()
    expect(clock.timers).toHaveLength(1)
    clock.advance(300)
    expect(expired).toEqual(['b'])
    expect(clock.timers).toHaveLength(1)
    deadlines.delete(a)
    expect(clock.timers).toEqual([])
    add('c', START + 400)
    clock.advance(100)
    expect(expired).toEqual(['b', 'c'])
    expect(clock.timers).toEqual([])
  })

  it('is one of the machine, too', async () => {
    const deadlines = new Deadlines(systemClock)
    const began = systemClock.monotonic()
    const early = await new Promise<number>((resolve) => {
      const at = systemClock.now() + 3
      deadlines.add(new Note(at, () => resolve(at - systemClock.now())))
    })
    expect(early).toBeLessThanOrEqual(0)
    expect(systemClock.monotonic()).toBeGreaterThan(began)

    // the test runner has timers, too, but none of them comes or goes while this turn lasts
    const timers = () => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
    const before = timers()
    const waiting = new Note(systemClock.now() + 60_000, () => {})
    deadlines.add(waiting)
    expect(timers()).toBe(before + 1)
    deadlines.delete(waiting)
    expect(timers()).toBe(before)
    deadlines.add(waiting)
    expect(timers()).toBe(before + 1)
    deadlines.delete(waiting)
    deadlines.close()
    expect(timers()).toBe(before)
  })
})

describe('100,000 deadlines', () => {
  // a few orders in which a peer may choose the expiries of its packets
  const orders: [string, (i: number) => number][] = [
    ['one after the other', (i) => i],
    ['backwards', (i) => 1_000_000 - i * 10],
    ['all over a year', (i) => (i * 7_919_777) % 31_536_000_000],
    ['all at one time', () => 50],
    ['in turn near and far', (i) => (i % 2 === 0 ? i : 1_000_000_000 + i * 11)]
  ]
  for (const [order, offset] of orders) {
    it(`added ${order} and deleted leave nothing behind`, () => {
      const { clock, deadlines, expired, add } = setup()
      const all = Array.from({ length: 100_000 }, (_, i) => add('a', START + 2000 + offset(i)))
      expect(deadlines.size).toBe(100_000)
      for (let i = 0; i < all.length; i += 2) deadlines.delete(all[i]!)
      for (let i = all.length - 1; i > 0; i -= 2) deadlines.delete(all[i]!)
      expect(deadlines.size).toBe(0)
      deadlines.close()
      expect(clock.timers).toEqual([])
      expect(expired).toEqual([])
    })
  }

  it('expire in order, all of them', () => {
    const { clock, deadlines, add } = setup()
    let last = 0
    let count = 0
    for (let i = 0; i < 100_000; i++) {
      const at = START + 2000 + ((i * 7919) % 100_000)
      add('a', at, () => {
        if (at < last) expect.fail(`${at} after ${last}`)
        last = at
        count++
      })
    }
    clock.advance(200_000)
    expect(count).toBe(100_000)
    expect(deadlines.size).toBe(0)
  })

  it('that come and go, each at another time, take no memory while another waits', () => {
    v8.setFlagsFromString('--expose-gc')
    const gc = vm.runInNewContext('gc') as () => void
    const { clock, deadlines, expired, add } = setup()
    // what waits is the earliest, so that buckets that got empty lie behind it
    add('waits', START + 10_000_000)
    let time = START + 100_000_000
    const churn = () => {
      for (let i = 0; i < 100_000; i++) deadlines.delete(add('a', (time += 10)))
      for (let i = 0; i < 20_000; i++) add('b', clock.now() + i * 10)
      clock.advance(200_000)
      expired.length = 0
      gc()
      return process.memoryUsage().heapUsed
    }
    churn()
    const before = churn()
    expect(churn() - before).toBeLessThan(1_000_000)
  })
})

describe('when buckets that got empty are dropped', () => {
  it('those that are left still expire in order', () => {
    const { clock, deadlines, expired, add } = setup()
    const times = Array.from({ length: 5000 }, (_, i) => ((i * 7_919) % 5003) * 20)
    const all = times.map((ms) => add(String(ms), START + ms))
    all.forEach((deadline, i) => {
      if (i % 20 !== 0) deadlines.delete(deadline)
    })
    clock.advance(200_000)
    const left = times.filter((_, i) => i % 20 === 0).sort((a, b) => a - b)
    expect(expired).toEqual(left.map(String))
  })

  it('the next one of the same time is not lost with them', () => {
    for (let count = 1; count < 200; count++) {
      const { clock, deadlines, expired, add } = setup()
      for (let i = 1; i <= count; i++) deadlines.delete(add('deleted', START + i * 10))
      add('a', START + count * 10)
      clock.advance(count * 10)
      expect(expired).toEqual(['a'])
    }
  })
})

describe('against a model that looks at each deadline', () => {
  type Command =
    | { type: 'add'; offset: number; then: Command[] }
    | { type: 'delete'; index: number }
    | { type: 'advance' | 'jump'; ms: number }
    | { type: 'churn'; offset: number; step: number }

  const offset = fc.oneof(
    fc.integer({ min: -50, max: 200 }),
    fc.integer({ min: -50, max: 20_000 }),
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.constantFrom(0, 1, MAX_TIMEOUT_MS, 1e13, Infinity)
  )
  const change = fc.oneof(
    fc.record({ type: fc.constant('add' as const), offset, then: fc.constant<Command[]>([]) }),
    fc.record({ type: fc.constant('delete' as const), index: fc.nat(1000) })
  )
  const add = fc.record({ type: fc.constant('add' as const), offset, then: fc.array(change, { maxLength: 2 }) })
  const advance = fc.record({ type: fc.constant('advance' as const), ms: fc.oneof(fc.nat(20), fc.nat(5000)) })
  // a burst of deadlines, each at another time, that are answered at once: their buckets are dropped
  const churn = fc.record({
    type: fc.constant('churn' as const),
    offset: fc.nat(300),
    step: fc.constantFrom(-7, 10, 13, 1000)
  })
  const jump = fc.record({ type: fc.constant('jump' as const), ms: fc.integer({ min: -10_000, max: 10_000 }) })
  const weighted = (...jumps: fc.Arbitrary<Command>[]) =>
    fc.array(
      fc.oneof(
        add,
        add,
        add,
        fc.record({ type: fc.constant('delete' as const), index: fc.nat(1000) }),
        advance,
        churn,
        ...jumps
      ),
      { maxLength: 120 }
    )

  /** Runs the commands. A deadline may be late by so many milliseconds. */
  function run(commands: readonly Command[], lateness: number): void {
    const clock = new FakeClock()
    const deadlines = new Deadlines(clock)
    const all: Note[] = []
    /** Those that wait, and since when, on the monotonic clock, they could have expired. */
    const waiting = new Map<Note, number | undefined>()

    const perform = (command: Command): void => {
      if (command.type === 'add') {
        const note = new Note(clock.now() + command.offset, () => {
          expect(waiting.has(note)).toBe(true)
          expect(clock.now()).toBeGreaterThanOrEqual(note.at)
          waiting.delete(note)
          command.then.forEach(perform)
        })
        all.push(note)
        waiting.set(note, undefined)
        deadlines.add(note)
      } else if (command.type === 'delete') {
        const note = all[command.index % Math.max(1, all.length)]
        if (note === undefined) return
        waiting.delete(note)
        deadlines.delete(note)
      } else if (command.type === 'churn') {
        for (let i = 0; i < 150; i++) {
          const note = new Note(clock.now() + command.offset + i * command.step, () => expect.fail('was deleted'))
          deadlines.add(note)
          deadlines.delete(note)
        }
      } else if (command.type === 'jump') {
        clock.jump(command.ms)
      } else {
        // step by step, so that none is late by more than it may be
        for (let ms = 0; ms < command.ms; ms++) {
          clock.advance(1)
          check()
        }
      }
      check()
    }
    const check = (): void => {
      expect(deadlines.size).toBe(waiting.size)
      for (const [note, since] of waiting) {
        if (note.at > clock.now()) {
          if (since !== undefined) waiting.set(note, undefined)
        } else if (since === undefined) {
          waiting.set(note, clock.monotonic())
        } else if (clock.monotonic() - since > lateness) {
          expect.fail(`late by ${clock.monotonic() - since} ms`)
        }
      }
    }
    commands.forEach(perform)

    for (const note of all) {
      waiting.delete(note)
      deadlines.delete(note)
    }
    expect(deadlines.size).toBe(0)
    deadlines.close()
    expect(clock.timers).toEqual([])
    expect(clock.longestSleep).toBeLessThanOrEqual(1000)
  }

  it('none is early, lost or late by more than a turn', () => {
    fc.assert(
      fc.property(weighted(), (commands) => run(commands, 1)),
      { numRuns: 150, seed: 24 }
    )
  })

  it('none is early, lost or late by more than a second where the clock jumps', () => {
    fc.assert(
      fc.property(weighted(jump), (commands) => run(commands, 1000)),
      { numRuns: 150, seed: 24 }
    )
  })
})
