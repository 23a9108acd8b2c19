import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import * as v1 from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import {
  decodeError,
  decodeForwardedPayment,
  decodeFulfillment,
  decodePayment,
  encodeError,
  encodeForwardedPayment,
  encodeFulfillment,
  encodePayment
} from '../src/legacy-packets.js'

const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((a) => Buffer.from(a))
// short, around the borders of a length's bytes, and as long as a packet's data may be
const data = fc.oneof(
  bytes(40),
  fc.constantFrom(0, 127, 128, 129, 255, 256, 257, 32_767, 65_535, 65_536).map((length) => Buffer.alloc(length, 7))
)
const text = fc.string({ unit: 'binary-ascii', maxLength: 60 })
const amount = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
const date = fc.date({ min: new Date(1), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })

const plain = { noNullPrototype: true } as const

const payment = fc.record({ amount, account: text, data }, plain)
const forwarded = fc.record({ account: text, data }, plain)
const error = fc.record(
  {
    code: fc.string({ unit: 'binary-ascii', minLength: 3, maxLength: 3 }),
    name: text,
    triggeredBy: text,
    forwardedBy: fc.array(text, { maxLength: 5 }),
    triggeredAt: date,
    data: text
  },
  plain
)

/** What ilp-packet 2 makes of it, or undefined where it throws. */
function tolerant<T>(decode: (packet: Buffer) => T): (packet: Buffer) => T | undefined {
  return (packet) => {
    try {
      return decode(packet)
    } catch {
      return undefined
    }
  }
}

/** A packet with some bytes changed, cut off, put in or appended. */
function mutated(packet: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 127, 128, 129, 130, 132, 133, 134, 135, 255)),
    how: fc.constantFrom('set', 'cut', 'insert', 'remove', 'append')
  })
  return fc.tuple(packet, fc.array(change, { minLength: 1, maxLength: 3 })).map(([original, changes]) =>
    changes.reduce((current, { at, byte, how }) => {
      // most of the structure is at the front
      const index = Math.floor(at ** 3 * current.length)
      if (how === 'set')
        return Buffer.concat([current.subarray(0, index), Buffer.of(byte), current.subarray(index + 1)])
      if (how === 'cut') return current.subarray(0, index)
      if (how === 'insert') return Buffer.concat([current.subarray(0, index), Buffer.of(byte), current.subarray(index)])
      if (how === 'remove') return Buffer.concat([current.subarray(0, index), current.subarray(index + 1)])
      return Buffer.concat([current, Buffer.of(byte)])
    }, original)
  )
}

describe('packets of ILP version 1', () => {
  it('are written as ilp-packet 2 writes them, byte for byte', () => {
    fc.assert(
      fc.property(payment, forwarded, data, error, (p, f, d, e) => {
        deepStrictEqual(encodePayment(p), v1.serializeIlpPayment(p))
        deepStrictEqual(encodeForwardedPayment(f), v1.serializeIlpForwardedPayment(f))
        deepStrictEqual(encodeFulfillment(d), v1.serializeIlpFulfillment({ data: d }))
        deepStrictEqual(encodeError(e), v1.serializeIlpError(e))
      }),
      { numRuns: 300 }
    )
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(payment, forwarded, data, error, (p, f, d, e) => {
        deepStrictEqual(decodePayment(encodePayment(p)), p)
        deepStrictEqual(decodeForwardedPayment(encodeForwardedPayment(f)), f)
        deepStrictEqual(decodeFulfillment(encodeFulfillment(d)), d)
        deepStrictEqual(decodeError(encodeError(e)), e)
      }),
      { numRuns: 300 }
    )
  })

  it('are read as ilp-packet 2 reads them, or refused with it, whatever has happened to their bytes', () => {
    const small = bytes(20)
    const packets = fc.oneof(
      payment.map((p) => encodePayment({ ...p, data: p.data.subarray(0, 300) })),
      forwarded.map((f) => encodeForwardedPayment({ ...f, data: f.data.subarray(0, 300) })),
      small.map(encodeFulfillment),
      error.map(encodeError)
    )
    const pairs: [(packet: Buffer) => unknown, (packet: Buffer) => unknown][] = [
      [decodePayment, tolerant(v1.deserializeIlpPayment)],
      [decodeForwardedPayment, tolerant(v1.deserializeIlpForwardedPayment)],
      [decodeFulfillment, tolerant((packet) => v1.deserializeIlpFulfillment(packet).data)],
      [decodeError, tolerant(v1.deserializeIlpError)]
    ]
    let taken = 0
    let refused = 0
    fc.assert(
      fc.property(mutated(packets), (packet) => {
        for (const [ours, theirs] of pairs) {
          const expected = theirs(packet)
          deepStrictEqual(ours(packet), expected)
          if (expected === undefined) refused++
          else taken++
        }
      }),
      { numRuns: 10_000 }
    )
    // the mutations reach both answers
    expect(taken).toBeGreaterThan(1000)
    expect(refused).toBeGreaterThan(1000)
  })

  it('are read as ilp-packet 2 reads them where a date is written otherwise', () => {
    for (const triggeredAt of ['2017', '19700101000000.000Z', 'never', '', '2017-12-24T05:32:50.000Z']) {
      const packet = Buffer.concat([
        Buffer.from('F00'),
        Buffer.of(0, 0, 1, 0),
        Buffer.of(triggeredAt.length),
        Buffer.from(triggeredAt),
        Buffer.of(0, 0)
      ])
      const whole = Buffer.concat([Buffer.of(8, packet.length), packet])
      expect(decodeError(whole)).toEqual(tolerant(v1.deserializeIlpError)(whole))
    }
  })

  it('are written as ilp-packet 2 writes them where they are large', () => {
    const large = Buffer.alloc(2 ** 24, 1)
    expect(encodeFulfillment(large).equals(v1.serializeIlpFulfillment({ data: large }))).toBe(true)
    for (const length of [20, 300]) {
      const long = {
        code: 'F00',
        name: '',
        triggeredBy: '',
        forwardedBy: Array.from({ length }, () => 'g.a'),
        triggeredAt: new Date(),
        data: ''
      }
      expect(encodeError(long).equals(v1.serializeIlpError(long))).toBe(true)
    }
  })

  it('refuses amounts and codes that do not fit', () => {
    const rest = { account: 'g.a', data: Buffer.alloc(0) }
    for (const wrong of ['', '-1', '1.5', '01', '1e3', ' 1', String(2n ** 64n)]) {
      expect(() => encodePayment({ amount: wrong, ...rest })).toThrow('UInt64')
    }
    expect(() =>
      encodeError({ code: 'F0', name: '', triggeredBy: '', forwardedBy: [], triggeredAt: new Date(), data: '' })
    ).toThrow('three characters')
  })

  it('refuses a list that is longer than its packet, at once', () => {
    const contents = Buffer.concat([Buffer.from('F00'), Buffer.of(0, 0, 6, 255, 255, 255, 255, 255, 255)])
    expect(decodeError(Buffer.concat([Buffer.of(8, contents.length), contents]))).toBeUndefined()
  })
})
