import { prepare, rejectPacket, fulfill } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerOutcome, isBusy, mayResend, outOfTime, thrownOutcome } from '../src/decision.js'
import type { Outcome, OutcomeRules, Sent } from '../src/decision.js'

const rules: OutcomeRules = {
  codes: new Set(['T00', 'T01', 'T02', 'T03']),
  retryOn: undefined,
  resendAmbiguousZeroAmount: false
}
const paying: Sent = { expiresAt: 1000, amount: 5n, destination: 'example.bob' }
const free: Sent = { ...paying, amount: 0n }
const other: Sent = { expiresAt: undefined, amount: 0n, destination: undefined }

const codes = fc
  .tuple(fc.constantFrom('F', 'T', 'R'), fc.integer({ min: 0, max: 99 }))
  .map(([letter, number]) => letter + String(number).padStart(2, '0'))
const sents = fc.constantFrom(paying, free, other, { ...free, destination: 'peer.settle' })
const anyRules = fc.record({
  codes: fc.array(codes).map((list) => new Set(list)),
  retryOn: fc.constantFrom(
    undefined,
    () => true,
    () => false
  ),
  resendAmbiguousZeroAmount: fc.boolean()
})

describe('the outcome of an answer', () => {
  it('is a success for a fulfill, and for any answer to what is no prepare', () => {
    expect(answerOutcome(fulfill(), paying)).toBeUndefined()
    expect(answerOutcome(rejectPacket('T00'), other)).toBeUndefined()
    expect(answerOutcome(Buffer.alloc(0), other)).toBeUndefined()
  })

  it('has the code of a reject', () => {
    expect(answerOutcome(rejectPacket('T01'), paying)).toEqual({ kind: 'rejected', code: 'T01' })
  })

  it('is invalid for what is no ILP answer', () => {
    const answers = [Buffer.alloc(0), Buffer.from('no packet'), Buffer.from([14, 1]), prepare(), null, undefined]
    for (const answer of answers) expect(answerOutcome(answer, paying)?.kind).toBe('invalid')
  })
})

describe('the outcome of a throw', () => {
  it('knows what was never sent', () => {
    expect(thrownOutcome(Object.assign(new Error('x'), { notSent: true })).kind).toBe('not-sent')
    expect(thrownOutcome(Object.assign(new Error('x'), { code: 'ECONNREFUSED', syscall: 'connect' })).kind).toBe(
      'not-sent'
    )
    // the same errno from a socket that had carried the packet
    expect(thrownOutcome(Object.assign(new Error('x'), { code: 'ECONNREFUSED', syscall: 'write' })).kind).toBe(
      'ambiguous'
    )
  })

  it('reads the code of a BTP Error', () => {
    const error = new Error(JSON.stringify({ code: 'T00', name: 'UnreachableError' }))
    expect(thrownOutcome(error)).toEqual({ kind: 'refused', code: 'T00' })
  })

  it('is ambiguous for all else', () => {
    const errors = [
      new Error('17 timed out'),
      Object.assign(new Error(), { code: 'ECONNRESET' }),
      undefined,
      'no',
      null
    ]
    for (const error of errors) expect(thrownOutcome(error)).toEqual({ kind: 'ambiguous', code: undefined })
  })
})

describe('another attempt', () => {
  it('follows T00, T01, T02 and T03, and no other code', () => {
    fc.assert(
      fc.property(codes, (code) => mayResend({ kind: 'rejected', code }, paying, rules) === /^T0[0-3]$/.test(code))
    )
  })

  it('never follows an F or R reject, an invalid answer or an own expiry, whatever the options', () => {
    const finals = fc.oneof(
      codes.filter((code) => !code.startsWith('T')).map((code): Outcome => ({ kind: 'rejected', code })),
      fc.constant<Outcome>({ kind: 'invalid', code: undefined }),
      fc.constant<Outcome>({ kind: 'expired', code: 'R00' })
    )
    fc.assert(fc.property(finals, sents, anyRules, (outcome, sent, options) => !mayResend(outcome, sent, options)))
  })

  it('never follows an ambiguous throw with an amount above zero, whatever the options', () => {
    const amounts = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })
    fc.assert(
      fc.property(amounts, anyRules, (amount, options) => {
        return !mayResend({ kind: 'ambiguous', code: undefined }, { ...paying, amount }, options)
      })
    )
  })

  it('follows an ambiguous throw of a zero amount by option only, and never to a peer. address', () => {
    const ambiguous: Outcome = { kind: 'ambiguous', code: undefined }
    const optedIn = { ...rules, resendAmbiguousZeroAmount: true }
    expect(mayResend(ambiguous, free, rules)).toBe(false)
    expect(mayResend(ambiguous, free, optedIn)).toBe(true)
    expect(mayResend(ambiguous, { ...free, destination: 'peer.settle' }, optedIn)).toBe(false)
    expect(mayResend(ambiguous, other, optedIn)).toBe(false)
  })

  it('follows what was not sent, whatever it was', () => {
    for (const sent of [paying, free, other]) {
      expect(mayResend({ kind: 'not-sent', code: undefined }, sent, rules)).toBe(true)
    }
  })

  it('follows a BTP Error T00 to a prepare, and no other BTP Error', () => {
    expect(mayResend({ kind: 'refused', code: 'T00' }, paying, rules)).toBe(true)
    expect(mayResend({ kind: 'refused', code: 'T00' }, other, rules)).toBe(false)
    expect(mayResend({ kind: 'refused', code: 'F00' }, paying, rules)).toBe(false)
    expect(mayResend({ kind: 'refused', code: undefined }, paying, rules)).toBe(false)
  })

  it('follows what retryOn says, among what may be retried at all', () => {
    const asked: unknown[] = []
    const chosen = { ...rules, retryOn: (outcome: Outcome) => asked.push(outcome.code) > 0 && outcome.code === 'T05' }
    expect(mayResend({ kind: 'rejected', code: 'T05' }, paying, chosen)).toBe(true)
    expect(mayResend({ kind: 'rejected', code: 'T00' }, paying, chosen)).toBe(false)
    expect(mayResend({ kind: 'rejected', code: 'F02' }, paying, chosen)).toBe(false)
    expect(asked).toEqual(['T05', 'T00'])
  })

  it('leaves a busy peer alone for a while: T02, T03 and a BTP Error', () => {
    expect(['T00', 'T01', 'T02', 'T03'].filter((code) => isBusy({ kind: 'rejected', code }))).toEqual(['T02', 'T03'])
    expect(isBusy({ kind: 'refused', code: 'T00' })).toBe(true)
    expect(isBusy({ kind: 'not-sent', code: undefined })).toBe(false)
  })
})

describe('the time for another attempt', () => {
  it('is over when its wait would end after the deadline, and never cut short', () => {
    const timing = { now: 100, startedAt: 0, delayMs: 50 }
    expect(outOfTime({ ...timing, deadline: 150 }, Infinity)).toBeUndefined()
    expect(outOfTime({ ...timing, deadline: 149 }, Infinity)).toBe('deadline')
  })

  it('is over when too much has passed since the first attempt', () => {
    const timing = { startedAt: 1000, delayMs: 0, deadline: Infinity }
    expect(outOfTime({ ...timing, now: 3000 }, 2000)).toBeUndefined()
    expect(outOfTime({ ...timing, now: 3001 }, 2000)).toBe('elapsed')
  })

  it('never lets an attempt start after the deadline, over any times', () => {
    const times = fc.integer({ min: -1e13, max: 1e13 })
    fc.assert(
      fc.property(times, times, times, fc.integer({ min: 0, max: 1e6 }), (now, startedAt, deadline, delayMs) => {
        return outOfTime({ now, startedAt, delayMs, deadline }, Infinity) !== undefined || now + delayMs <= deadline
      })
    )
  })
})
