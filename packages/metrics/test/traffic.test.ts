import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Durations, Money, Traffic } from '../src/traffic.js'

describe('Durations', () => {
  it('counts each time under the first bound that it does not exceed, and sums them all', () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1 })
      .map((list) => list.sort((a, b) => a - b))
    fc.assert(
      fc.property(bounds, fc.array(fc.integer({ min: 0, max: 1500 })), (limits, times) => {
        const durations = new Durations('fulfilled', limits)
        for (const time of times) durations.observe(time)
        let upTo = 0
        for (const [index, limit] of limits.entries()) {
          upTo += durations.counts[index]!
          expect(upTo).toBe(times.filter((time) => time <= limit).length)
        }
        expect(upTo + durations.counts.at(-1)!).toBe(times.length)
        expect(durations.sum).toBe(times.reduce((sum, time) => sum + time, 0))
      })
    )
  })
})

describe('Traffic', () => {
  it('makes no more series than there are codes, whatever a peer answers or an error says', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.anything())), (codes) => {
        const traffic = new Traffic([1])
        for (const [rejected, failed] of codes) {
          traffic.rejected(rejected).add(1n, 1)
          traffic.failed(failed).add(1n, 1)
        }
        const labels = [...traffic.tallies].map(({ outcome, code }) => `${outcome} ${code}`)
        for (const label of labels) expect(label).toMatch(/^(rejected (other|[FTR]\d\d)|failed ([FTR]\d\d)?)$/)
        expect([...traffic.tallies].reduce((sum, { packets }) => sum + packets, 0)).toBe(2 * codes.length)
        expect([...traffic.durations].length).toBeLessThanOrEqual(2)
      })
    )
  })

  it('has one tally for each outcome and code', () => {
    const traffic = new Traffic(undefined)
    expect(traffic.rejected('T00')).toBe(traffic.rejected('T00'))
    expect(traffic.failed('T00')).not.toBe(traffic.rejected('T00'))
    expect(traffic.fulfilled()).toBe(traffic.fulfilled())
    expect([traffic.timed, [...traffic.durations]]).toEqual([false, []])
  })

  it('is exact beyond what a number can hold', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (amounts) => {
        const traffic = new Traffic(undefined)
        for (const amount of amounts) traffic.fulfilled().add(amount, 0)
        expect(traffic.fulfilled().value).toBe(amounts.reduce((sum, amount) => sum + amount, 0n))
      })
    )
  })
})

describe('Money', () => {
  it('adds up payments by direction and outcome, and values no text that is no amount', () => {
    const money = new Money()
    money.add('incoming', 'succeeded', '5')
    money.add('incoming', 'succeeded', String(2n ** 70n))
    money.add('incoming', 'failed', 'much')
    money.add('outgoing', 'succeeded', '1')
    expect([...money.payments]).toEqual([
      { direction: 'incoming', outcome: 'succeeded', count: 2, value: 2n ** 70n + 5n },
      { direction: 'incoming', outcome: 'failed', count: 1, value: 0n },
      { direction: 'outgoing', outcome: 'succeeded', count: 1, value: 1n }
    ])
  })
})
