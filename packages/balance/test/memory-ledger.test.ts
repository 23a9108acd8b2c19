import { describe, expect, it } from 'vitest'
import { ledgerConformance } from '../src/conformance.js'
import { holdId } from '../src/ids.js'
import { MemoryLedger, memoryLedger } from '../src/memory-ledger.js'

describe('memoryLedger', () => {
  ledgerConformance({ describe, it }, () => memoryLedger())

  it('never gives a promise', () => {
    const ledger = memoryLedger().open('alice') as MemoryLedger
    const id = holdId()
    const results: unknown[] = [ledger.hold(id, 'in', 1n, 0, { maximum: 1n, minimum: 0n })]
    for (const call of [
      (): unknown => ledger.commit(id),
      (): unknown => ledger.release(id),
      (): unknown => ledger.move('payment', 1n, 'money-out'),
      (): unknown => ledger.suspend('payment'),
      (): unknown => ledger.resolve('payment', 'sent'),
      (): unknown => ledger.confirm(),
      (): unknown => ledger.settle('settlement', { threshold: 3n, target: 2n, smallest: 1n })
    ]) {
      results.push(call())
    }
    expect(results).toEqual(['held', undefined, undefined, undefined, undefined, undefined, undefined, 0n])
    expect(ledger.outstanding()).toEqual({ holds: [], unconfirmed: [] })
    expect(ledger.snapshot()).toEqual({ committed: 2n, holdsIn: 0n, holdsOut: 0n, suspended: [] })
  })

  it('knows the last 256 moves that are closed, and no more, so that it does not grow', () => {
    const ledger = new MemoryLedger()
    for (let i = 0; i < 257; i++) ledger.move(`move ${i}`, 1n, 'adjust')
    ledger.move('move 1', 1n, 'adjust')
    expect(ledger.snapshot().committed).toBe(257n)
    ledger.move('move 0', 1n, 'adjust')
    expect(ledger.snapshot().committed).toBe(258n)
  })
})

describe('holdId', () => {
  it('gives ids with texts that no other has', () => {
    const texts = new Set(Array.from({ length: 1000 }, () => String(holdId())))
    expect(texts.size).toBe(1000)
    for (const text of texts) expect(text).toMatch(/^[0-9a-f-]{36}-[0-9]+$/)
  })

  it('gives an id that keeps its text', () => {
    const id = holdId()
    expect(String(id)).toBe(String(id))
  })
})
