import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MoneyNotSentError, NotAcceptedError, UnreachableError } from '../src/errors.js'
import { btpError, errorOutcome, isFinalError } from '../src/outcome.js'

const failure = (fields: object, message = 'oh no'): Error => Object.assign(new Error(message), fields)

describe('errorOutcome', () => {
  it('takes an error that says so for not sent', () => {
    expect(errorOutcome(failure({ notSent: true }))).toBe('not-sent')
    expect(errorOutcome(failure({ notSent: 'yes' }))).toBe('ambiguous')
  })

  it('takes a MoneyNotSentError for not sent, whoever made its class', () => {
    expect(errorOutcome(new MoneyNotSentError('no channel'))).toBe('not-sent')
    expect(errorOutcome(failure({ name: 'MoneyNotSentError' }))).toBe('not-sent')
  })

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])('takes %s of a connect for not sent', (code) => {
    expect(errorOutcome(failure({ code, syscall: 'connect' }))).toBe('not-sent')
    expect(errorOutcome(failure({ code, syscall: 'getaddrinfo' }))).toBe('not-sent')
  })

  it('takes the same errno from a socket in use for ambiguous', () => {
    expect(errorOutcome(failure({ code: 'EHOSTUNREACH', syscall: 'read' }))).toBe('ambiguous')
    expect(errorOutcome(failure({ code: 'ECONNREFUSED' }))).toBe('ambiguous')
    expect(errorOutcome(failure({ code: 'ECONNRESET', syscall: 'connect' }))).toBe('ambiguous')
  })

  it('takes an AggregateError for not sent only when every address failed to connect', () => {
    const refused = failure({ code: 'ECONNREFUSED', syscall: 'connect' })
    expect(errorOutcome(new AggregateError([refused, refused]))).toBe('not-sent')
    expect(errorOutcome(new AggregateError([refused, failure({ code: 'ETIMEDOUT' })]))).toBe('ambiguous')
    expect(errorOutcome(new AggregateError([refused, null]))).toBe('ambiguous')
    expect(errorOutcome(new AggregateError([refused, 'gone']))).toBe('ambiguous')
    expect(errorOutcome(new AggregateError([]))).toBe('ambiguous')
  })

  it('takes a BTP Error of the peer and a NotAcceptedError for refused', () => {
    expect(errorOutcome(new Error('{"code":"F00","name":"NotAcceptedError","data":"{}"}'))).toBe('refused')
    expect(errorOutcome(new NotAcceptedError('no'))).toBe('refused')
  })

  it.each([undefined, null, 'text', 0, Symbol('s'), new Error('17 timed out'), failure({ code: 'EPIPE' }), {}])(
    'takes %o for ambiguous',
    (error) => {
      expect(errorOutcome(error)).toBe('ambiguous')
    }
  )

  it('does not throw on errors whose fields throw', () => {
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('no field for you')
      }
    })
    expect(errorOutcome(hostile)).toBe('ambiguous')
    expect(btpError(hostile)).toBeUndefined()
  })

  it('never throws and never proves anything from arbitrary values', () => {
    fc.assert(
      fc.property(fc.anything(), (error) => {
        expect(['not-sent', 'refused', 'ambiguous']).toContain(errorOutcome(error))
      })
    )
  })
})

describe('btpError', () => {
  it('reads code and name from the message', () => {
    const error = new Error('{"code":"T00","name":"UnreachableError","triggeredAt":"2026-01-01T00:00:00.000Z"}')
    expect(btpError(error)).toEqual({ code: 'T00', name: 'UnreachableError' })
  })

  it.each([
    '{"code":"T00"}',
    '{"name":"UnreachableError"}',
    '{"code":"X00","name":"n"}',
    '{"code":"T000","name":"n"}',
    '{"code":7,"name":"n"}',
    '{"code":',
    '["T00"]',
    'T00'
  ])('takes %s for no BTP Error', (message) => {
    expect(btpError(new Error(message))).toBeUndefined()
  })

  it.each([undefined, null, 'text', { message: 7 }])('takes %o for no BTP Error', (error) => {
    expect(btpError(error)).toBeUndefined()
  })
})

describe('a connect that failed for good', () => {
  it('is told by the name of its error, whosever class that is', () => {
    for (const name of ['InvalidFieldsError', 'InvalidServicesError', 'NotAcceptedError', 'TypeError']) {
      expect(isFinalError(Object.assign(new Error('no'), { name }))).toBe(true)
    }
    expect([new UnreachableError('away'), new Error('no'), { name: 'TypeError' }, undefined].map(isFinalError)).toEqual(
      [false, false, false, false]
    )
  })
})
