import { testClock } from '@ilp-wrap/testing'
import { expect, it } from 'vitest'
import { monotonicClock } from '../src/index.js'

it('a monotonic clock does not know of steps of the wall clock, and keeps the timers', async () => {
  const clock = testClock()
  const steady = monotonicClock(clock)
  const [now, monotonic] = [steady.now(), steady.monotonic()]
  const rung: string[] = []
  const kept = steady.setTimeout(() => rung.push('kept'), 100)
  const cleared = steady.setTimeout(() => rung.push('cleared'), 100)
  steady.clearTimeout(cleared)
  clock.jump(-3_600_000)
  await clock.advance(100)
  expect([steady.now() - now, steady.monotonic() - monotonic]).toEqual([100, 100])
  expect([rung, kept === cleared]).toEqual([['kept'], false])
})
