import { MAX_TIMEOUT_MS } from '@ilp-wrap/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testClock } from '../src/index.js'

describe('testClock', () => {
  it('stands still unless it is moved', async () => {
    const clock = testClock(1000)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0])
    await clock.advance(5)
    expect([clock.now(), clock.monotonic()]).toEqual([1005, 5])
  })

  it('begins in 2020 if nothing else is said', () => {
    expect(new Date(testClock().now()).toISOString()).toBe('2020-01-01T00:00:00.000Z')
  })

  it('runs timers at their own moments, in order, and those of one moment as they were set', async () => {
    const clock = testClock(0)
    const seen: string[] = []
    const note = (name: string) => () => seen.push(`${name} at ${clock.now()}`)
    clock.setTimeout(note('c'), 30)
    clock.setTimeout(note('a'), 10)
    clock.setTimeout(note('b'), 10)
    await clock.advance(20)
    expect(seen).toEqual(['a at 10', 'b at 10'])
    expect(clock.now()).toBe(20)
    await clock.advance(10)
    expect(seen).toEqual(['a at 10', 'b at 10', 'c at 30'])
  })

  it('runs a timer that a timer has set, if it falls due in the same span', async () => {
    const clock = testClock(0)
    const seen: number[] = []
    const tick = (): void => {
      seen.push(clock.now())
      clock.setTimeout(tick, 10)
    }
    clock.setTimeout(tick, 10)
    await clock.advance(35)
    expect(seen).toEqual([10, 20, 30])
    expect(clock.pending).toBe(1)
  })

  it('lets promises run before, between and after timers', async () => {
    const clock = testClock(0)
    const seen: string[] = []
    void Promise.resolve()
      .then(() => undefined)
      .then(() => seen.push('before'))
    clock.setTimeout(() => {
      void Promise.resolve()
        .then(() => undefined)
        .then(() => seen.push('between'))
    }, 1)
    clock.setTimeout(() => seen.push('second'), 2)
    await clock.advance(2)
    expect(seen).toEqual(['before', 'between', 'second'])
  })

  it('moves the wall clock alone when it jumps', async () => {
    const clock = testClock(0)
    const seen: number[] = []
    clock.setTimeout(() => seen.push(clock.now()), 10)
    clock.jump(-5000)
    expect([clock.now(), clock.monotonic(), seen]).toEqual([-5000, 0, []])
    await clock.advance(10)
    expect(seen).toEqual([-4990])
  })

  it('treats odd spans as node does: less than 1 ms or more than 2^31 − 1 is 1 ms, fractions are cut off', async () => {
    const clock = testClock(0)
    const seen: number[] = []
    for (const ms of [0, -5, NaN, Infinity, MAX_TIMEOUT_MS + 1, 1.9]) clock.setTimeout(() => seen.push(ms), ms)
    clock.setTimeout(() => seen.push(MAX_TIMEOUT_MS), MAX_TIMEOUT_MS)
    await clock.advance(0)
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(seen).toEqual([0, -5, NaN, Infinity, MAX_TIMEOUT_MS + 1, 1.9])
    await clock.advance(MAX_TIMEOUT_MS)
    expect(seen.at(-1)).toBe(MAX_TIMEOUT_MS)
  })

  it('forgets a timer that is cleared, and does not mind one that is gone', async () => {
    const clock = testClock()
    const timer = clock.setTimeout(() => expect.unreachable(), 10)
    expect(clock.pending).toBe(1)
    clock.clearTimeout(timer)
    clock.clearTimeout(timer)
    expect(clock.pending).toBe(0)
    await clock.advance(20)
  })

  it('counts the timers that would keep a process alive', () => {
    const clock = testClock()
    const timer = clock.setTimeout(() => undefined, 10)
    clock.setTimeout(() => undefined, 10).unref()
    expect([clock.pending, clock.keepingAlive]).toEqual([2, 1])
    timer.unref()
    expect(clock.keepingAlive).toBe(0)
    timer.ref()
    expect(clock.keepingAlive).toBe(1)
  })

  it('throws what a timer throws', async () => {
    const clock = testClock()
    clock.setTimeout(() => {
      throw new Error('in a timer')
    }, 1)
    await expect(clock.advance(1)).rejects.toThrow('in a timer')
  })

  it('runs any set of timers by time, then by the order in which they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }), async (spans) => {
        const clock = testClock()
        const seen: [number, number][] = []
        for (const [index, ms] of spans.entries()) clock.setTimeout(() => seen.push([ms, index]), ms)
        await clock.advance(20)
        const expected = spans
          .map((ms, index): [number, number] => [ms, index])
          .sort((a, b) => a[0] - b[0] || a[1] - b[1])
        expect(seen).toEqual(expected)
      }),
      { numRuns: 50 }
    )
  })
})
