import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { deserializeIlpReject, serializeIlpReject } from 'ilp-packet'
import * as v1 from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import { errorOf, reasonOfReject, rejectOfReason } from '../src/rejections.js'

const NOW = Date.UTC(2030, 0, 1)

const code = fc
  .tuple(fc.constantFrom('F', 'T', 'R'), fc.integer({ min: 0, max: 99 }))
  .map(([kind, number]) => `${kind}${String(number).padStart(2, '0')}`)
const fields = fc.record(
  {
    code,
    triggeredBy: fc.constantFrom('', 'g.a', 'test.ledger.peer-1_~'),
    message: fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })),
    data: fc.uint8Array({ maxLength: 100 }).map((a) => Buffer.from(a))
  },
  { noNullPrototype: true }
)

/** A reason as ilp-plugin-payment-channel-framework carries it: in an ILP error of 7 bits, without its message. */
function carried(reason: ReturnType<typeof reasonOfReject>): unknown {
  const packet = v1.serializeIlpError({
    code: reason.code,
    name: reason.name,
    triggeredBy: reason.triggered_by,
    forwardedBy: [],
    triggeredAt: reason.triggered_at as Date,
    data: JSON.stringify(reason.additional_info)
  })
  const { data, ...rest } = v1.deserializeIlpError(packet)
  return {
    code: rest.code,
    name: rest.name,
    triggered_by: rest.triggeredBy,
    triggered_at: rest.triggeredAt,
    forwarded_by: undefined,
    additional_info: JSON.parse(data) as unknown
  }
}

describe('a reject as a reason', () => {
  it('comes out as the same reject on the other side', () => {
    fc.assert(
      fc.property(fields, (reject) => {
        const packet = serializeIlpReject(reject)
        deepStrictEqual(rejectOfReason(reasonOfReject(packet, NOW)), packet)
        deepStrictEqual(rejectOfReason(JSON.parse(JSON.stringify(reasonOfReject(packet, NOW)))), packet)
      }),
      { numRuns: 500 }
    )
  })

  // The message has no place of its own on that plugin's wire, and what has one travels as 7-bit characters: a message
  // with other letters came out as broken JSON, and took the data with it.
  it('survives a plugin that carries additional_info alone, in 7 bits', () => {
    fc.assert(
      fc.property(fields, (reject) => {
        const packet = serializeIlpReject(reject)
        deepStrictEqual(rejectOfReason(carried(reasonOfReject(packet, NOW))), packet)
      }),
      { numRuns: 500 }
    )
  })

  it('has what plugins dereference: a Date, an object and a name, for every code', () => {
    fc.assert(
      fc.property(code, (each) => {
        const reason = reasonOfReject(
          serializeIlpReject({ code: each, triggeredBy: '', message: '', data: Buffer.alloc(0) }),
          NOW
        )
        expect(reason.triggered_at).toEqual(new Date(NOW))
        expect(typeof reason.additional_info).toBe('object')
        expect(reason.name).not.toBe('')
        expect(reason).not.toHaveProperty('forwarded_by')
      })
    )
  })

  it('is named as RFC 0027 names its code', () => {
    const nameOf = (each: string): string =>
      reasonOfReject(serializeIlpReject({ code: each, triggeredBy: '', message: '', data: Buffer.alloc(0) }), NOW).name
    expect(nameOf('F08')).toBe('Amount Too Large')
    expect(nameOf('T04')).toBe('Insufficient Liquidity')
    expect(nameOf('R00')).toBe('Transfer Timed Out')
    expect(nameOf('F42')).toBe('F42')
  })

  it('is an internal error where there is no reject', () => {
    expect(reasonOfReject(Buffer.of(13, 0), NOW)).toMatchObject({ code: 'T00', message: '', triggered_by: '' })
  })
})

describe('a reason as a reject', () => {
  const of = (reason: unknown): ReturnType<typeof deserializeIlpReject> => deserializeIlpReject(rejectOfReason(reason))

  it('is a valid reject, whatever the reason is', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.record(
        {
          code: fc.oneof(fc.string({ maxLength: 4 }), code, fc.anything()),
          name: fc.anything(),
          message: fc.oneof(fc.string(), fc.anything()),
          triggered_by: fc.oneof(fc.constantFrom('g.a', 'nowhere', ''), fc.anything()),
          additional_info: fc.oneof(
            fc.anything(),
            fc.json(),
            fc.record({ data: fc.anything(), message: fc.anything() })
          )
        },
        { requiredKeys: [] }
      )
    )
    fc.assert(
      fc.property(anything, (reason) => {
        expect(of(reason).code).toMatch(/^[FTR]\d\d$/)
      }),
      { numRuns: 2000 }
    )
  })

  it('keeps a legal code, finds another by its name, and takes the rest for temporary', () => {
    expect(of({ code: 'F08', name: 'Insufficient Liquidity' }).code).toBe('F08')
    expect(of({ code: 'NotEnough', name: 'Insufficient Liquidity' }).code).toBe('T04')
    expect(of({ name: 'Peer Unreachable' }).code).toBe('T01')
    expect(of({ name: 'Application Error' }).code).toBe('T99')
    expect(of({ code: 'X00', name: 'No Such Name' }).code).toBe('T00')
    expect(of({ code: 404 }).code).toBe('T00')
  })

  // E.4 no. 3
  it('may be undefined, null or a string', () => {
    expect(of(undefined)).toEqual({ code: 'T00', triggeredBy: '', message: '', data: Buffer.alloc(0) })
    expect(of(null)).toEqual({ code: 'T00', triggeredBy: '', message: '', data: Buffer.alloc(0) })
    expect(of('expired')).toEqual({ code: 'T00', triggeredBy: '', message: 'expired', data: Buffer.alloc(0) })
  })

  // E.4 no. 3
  it('may hold additional_info as JSON, as text that is none, or with padded data', () => {
    const data = Buffer.from('four')
    expect(
      of({ code: 'F99', additional_info: JSON.stringify({ data: data.toString('base64'), message: 'm' }) })
    ).toMatchObject({
      message: 'm',
      data
    })
    expect(of({ code: 'F99', additional_info: 'not JSON' })).toMatchObject({ message: '', data: Buffer.alloc(0) })
    expect(of({ code: 'F99', additional_info: { data: data.toString('base64') } }).data).toEqual(data)
    expect(of({ code: 'F99', message: 'outer', additional_info: { message: 'inner' } }).message).toBe('outer')
  })

  // What is larger makes a reject that no ILP node takes.
  it('may hold 32 767 bytes of data; what is larger is left out', () => {
    for (const [length, kept] of [
      [32_767, 32_767],
      [32_768, 0]
    ] as const) {
      const data = Buffer.alloc(length, 7).toString('base64url')
      expect(of({ code: 'F99', message: 'no', additional_info: { data } })).toMatchObject({
        code: 'F99',
        message: 'no'
      })
      expect(of({ code: 'F99', additional_info: { data } }).data).toHaveLength(kept)
    }
  })

  it('names who has triggered it only with an ILP address', () => {
    expect(of({ code: 'F00', triggered_by: 'g.a' }).triggeredBy).toBe('g.a')
    expect(of({ code: 'F00', triggered_by: 'the ledger' }).triggeredBy).toBe('')
  })
})

describe('an error of a handler', () => {
  it('that is an ILP error gives its code, text and data', () => {
    const error = Object.assign(new Error('too much'), { ilpErrorCode: 'F08', ilpErrorData: Buffer.from('x') })
    expect(errorOf(error)).toEqual({ code: 'F08', message: 'too much', data: Buffer.from('x') })
    expect(errorOf({ ilpErrorCode: 'T02' })).toEqual({ code: 'T02', message: '', data: Buffer.alloc(0) })
  })

  it('that is any other gives away nothing', () => {
    for (const error of [
      new Error('secret'),
      'secret',
      undefined,
      null,
      { ilpErrorCode: 'secret' },
      { ilpErrorCode: 5 }
    ]) {
      expect(errorOf(error)).toEqual({ code: 'T00', message: 'Internal error', data: Buffer.alloc(0) })
    }
  })
})
