import { testClock } from '@ilp-wrap/testing'
import { expect, it } from 'vitest'
import { Confirmations } from '../src/confirmations.js'
import type { Hold } from '../src/hold.js'

const holds = (count: number): Hold[] => Array.from({ length: count }, () => ({}) as Hold)

it('what could not be confirmed goes with the next that are due, and once more when there are none', async () => {
  const clock = testClock()
  const turns: number[] = []
  const confirmations = new Confirmations(clock, (due) => {
    turns.push(due.length)
    // the ledger fails twice, and says so later
    if (turns.length <= 2) void Promise.resolve().then(() => confirmations.again(due))
  })
  for (const hold of holds(2)) confirmations.add(hold)
  await clock.advance(1000)
  // young ones keep the clock ticking when the first fail
  for (const hold of holds(1)) confirmations.add(hold)
  await clock.advance(1000)
  expect(turns).toEqual([2])
  await clock.advance(1000)
  expect(turns).toEqual([2, 3])
  await clock.advance(1000)
  expect(turns).toEqual([2, 3, 3])
  await clock.advance(10_000)
  expect([turns, clock.pending]).toEqual([[2, 3, 3], 0])
})

it('more than 100,000 that the ledger fails to confirm are not kept', () => {
  const confirmations = new Confirmations(testClock(), () => undefined)
  expect(confirmations.again(holds(100_000))).toBe(true)
  expect(confirmations.again(holds(1))).toBe(false)
})
