import { deepStrictEqual } from 'node:assert'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { deserializeIlpFulfill, deserializeIlpPrepare, serializeIlpFulfill, serializeIlpPrepare } from 'ilp-packet'
import * as v1 from 'ilp-packet-v1'
import { describe, expect, it } from 'vitest'
import type { TransferV1 } from '@ilp-wrap/core'
import {
  bytes32,
  conditionOf,
  configOf,
  dataOfFulfillment,
  fulfillOf,
  ilpOfFulfill,
  ilpOfPrepare,
  isAmount,
  prepareOfTransfer
} from '../src/transfers.js'

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((a) => Buffer.from(a))
const data = fc.oneof(
  bytes(0, 300),
  fc.constantFrom(32_767, 32_768, 65_536).map((length) => Buffer.alloc(length, 5))
)
const segment = fc.stringMatching(/^[a-zA-Z0-9_~-]{1,20}$/)
const address = fc
  .tuple(
    fc.constantFrom('g', 'test', 'test1', 'private', 'peer', 'example'),
    fc.array(segment, { minLength: 1, maxLength: 6 })
  )
  .map(([scheme, segments]) => [scheme, ...segments].join('.'))
const packet = fc.record(
  {
    amount: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    expiresAt: fc.date({ min: new Date(1), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
    executionCondition: bytes(32, 32),
    destination: address,
    data
  },
  { noNullPrototype: true }
)
type Fields = typeof packet extends fc.Arbitrary<infer T> ? T : never

const transferOf = ({ amount, expiresAt, executionCondition }: Fields, ilp: string): TransferV1 => ({
  id: '1',
  amount,
  executionCondition: executionCondition.toString('base64url'),
  expiresAt: expiresAt.toISOString(),
  ilp
})

describe('a prepare as a transfer', () => {
  it('holds the packet of type 10 that ilp-packet 2 would write', () => {
    fc.assert(
      fc.property(packet, (fields) => {
        const { destination: account, data: contents } = fields
        const expected = v1.serializeIlpForwardedPayment({ account, data: contents }).toString('base64url')
        deepStrictEqual(ilpOfPrepare(serializeIlpPrepare(fields)), expected)
      }),
      { numRuns: 300 }
    )
  })

  it('comes out as the same bytes on the other side', () => {
    fc.assert(
      fc.property(packet, (fields) => {
        const prepare = serializeIlpPrepare(fields)
        deepStrictEqual(prepareOfTransfer(transferOf(fields, ilpOfPrepare(prepare))), prepare)
      }),
      { numRuns: 300 }
    )
  })

  it('may hold a payment (type 1) or a whole prepare (type 12), whose own amount, condition and expiry do not count', () => {
    fc.assert(
      fc.property(packet, packet, (fields, other) => {
        const mixed = { ...fields, destination: other.destination, data: other.data }
        const payment = v1.serializeIlpPayment({ amount: other.amount, account: other.destination, data: other.data })
        for (const ilp of [payment, serializeIlpPrepare(other)]) {
          const prepare = prepareOfTransfer(transferOf(fields, ilp.toString('base64')))
          deepStrictEqual(prepare, serializeIlpPrepare(mixed))
        }
      }),
      { numRuns: 200 }
    )
  })

  it('gives undefined or a prepare that ilp-packet takes, whatever its fields hold', () => {
    const anything = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant(undefined), fc.integer(), data)
    const ilp = fc.oneof(
      bytes(0, 80).map((b) => b.toString('base64')),
      packet.map((p) => ilpOfPrepare(serializeIlpPrepare(p))),
      fc.tuple(packet, fc.nat({ max: 100 }), fc.integer({ min: 0, max: 255 })).map(([p, at, byte]) => {
        const ilp = Buffer.from(ilpOfPrepare(serializeIlpPrepare(p)), 'base64')
        ilp[at % ilp.length] = byte
        return ilp.toString('base64')
      }),
      anything
    )
    let taken = 0
    fc.assert(
      fc.property(packet, ilp, fc.option(anything), (fields, wrong, more) => {
        const transfer = { ...transferOf(fields, wrong as string), ...(more !== null && { amount: more as string }) }
        const prepare = prepareOfTransfer(transfer)
        if (prepare === undefined) return
        taken++
        deserializeIlpPrepare(prepare)
      }),
      { numRuns: 3000 }
    )
    expect(taken).toBeGreaterThan(100)
  })

  const valid = transferOf(
    {
      amount: '1',
      expiresAt: new Date('2030-01-02T03:04:05.678Z'),
      executionCondition: Buffer.alloc(32, 1),
      destination: 'g.a',
      data: Buffer.alloc(0)
    },
    v1.serializeIlpForwardedPayment({ account: 'g.a', data: Buffer.alloc(0) }).toString('base64url')
  )

  it.each<[string, Partial<Record<keyof TransferV1, unknown>>]>([
    ['no packet', { ilp: undefined }],
    ['an empty packet', { ilp: '' }],
    ['a packet of another type', { ilp: Buffer.of(11, 3, 0, 0, 0).toString('base64') }],
    ['a packet without an account', { ilp: Buffer.of(10, 0).toString('base64') }],
    ['a packet that is cut off', { ilp: Buffer.of(10, 9, 3, 97).toString('base64') }],
    ['a packet without data', { ilp: Buffer.from('0a0403672e61', 'hex').toString('base64') }],
    [
      'an address of no known scheme',
      { ilp: v1.serializeIlpForwardedPayment({ account: 'us.a', data: Buffer.alloc(0) }).toString('base64') }
    ],
    ['a negative amount', { amount: '-1' }],
    ['a decimal amount', { amount: '1.5' }],
    ['an amount with a sign', { amount: '+1' }],
    ['an amount beyond a UInt64', { amount: String(2n ** 64n) }],
    ['an amount that is a number', { amount: 1 }],
    ['no condition', { executionCondition: undefined }],
    ['a short condition', { executionCondition: Buffer.alloc(31).toString('base64url') }],
    ['a long condition', { executionCondition: Buffer.alloc(33).toString('base64url') }],
    ['a condition with other characters', { executionCondition: '!'.repeat(43) }],
    ['no expiry', { expiresAt: undefined }],
    ['an expiry that is no time', { expiresAt: 'soon' }],
    ['an expiry after the year 9999', { expiresAt: '+010000-01-01T00:00:00.000Z' }]
  ])('is refused with %s', (_, fields) => {
    expect(prepareOfTransfer({ ...valid, ...fields } as TransferV1)).toBeUndefined()
    expect(prepareOfTransfer(valid)).toBeDefined()
  })

  it('may write its expiry in any way of ISO 8601', () => {
    for (const expiresAt of [
      '2030-01-02T03:04:05.678Z',
      '2030-01-02T04:04:05.678+01:00',
      '2030-01-02T03:04:05.6780Z'
    ]) {
      const prepare = prepareOfTransfer({ ...valid, expiresAt })
      expect(deserializeIlpPrepare(prepare!).expiresAt.toISOString()).toBe('2030-01-02T03:04:05.678Z')
    }
  })

  it('may write its condition with padding and in either alphabet', () => {
    const condition = Buffer.alloc(32, 0xfb)
    for (const text of [
      condition.toString('base64'),
      condition.toString('base64url'),
      condition.toString('base64').replace('=', '')
    ]) {
      const prepare = prepareOfTransfer({ ...valid, executionCondition: text })
      expect(deserializeIlpPrepare(prepare!).executionCondition).toEqual(condition)
    }
  })
})

describe('a fulfill as a fulfillment', () => {
  it('comes out as the same bytes on the other side, and as ilp-packet 2 would write it between', () => {
    fc.assert(
      fc.property(bytes(32, 32), data, (fulfillment, contents) => {
        const fulfill = serializeIlpFulfill({ fulfillment, data: contents })
        const ilp = ilpOfFulfill(fulfill)
        const expected =
          contents.length === 0 ? undefined : v1.serializeIlpFulfillment({ data: contents }).toString('base64url')
        deepStrictEqual(ilp, expected)
        const back = fulfillOf(bytes32(fulfillment.toString('base64url'))!, dataOfFulfillment(ilp))
        deepStrictEqual(back, fulfill)
        deepStrictEqual(deserializeIlpFulfill(back), { fulfillment, data: contents })
      }),
      { numRuns: 300 }
    )
  })

  it('is none where 43 characters are no 32 bytes', () => {
    expect(bytes32('!'.repeat(43))).toBeUndefined()
    expect(bytes32('A'.repeat(43))).toEqual(Buffer.alloc(32))
  })

  it('has no data where the plugin has lost it, or gives something else', () => {
    for (const ilp of [undefined, null, '', 'junk', 7, Buffer.of(10, 0).toString('base64')]) {
      expect(dataOfFulfillment(ilp)).toHaveLength(0)
    }
    expect(ilpOfFulfill(Buffer.of(14, 0))).toBeUndefined()
  })

  it('is checked by its SHA-256', () => {
    fc.assert(
      fc.property(bytes(32, 32), (fulfillment) => {
        expect(conditionOf(fulfillment)).toBe(createHash('sha256').update(fulfillment).digest('base64url'))
      })
    )
  })
})

it('takes for an amount what has no decimals', () => {
  for (const amount of ['0', '1', '18446744073709551616']) expect(isAmount(amount)).toBe(true)
  for (const amount of ['', '-1', '01', '1.0', '1e3', ' 1', 1, null, undefined]) expect(isAmount(amount)).toBe(false)
})

it('answers peer.config as RFC 0031 has it', () => {
  const { fulfillment, data: answer } = deserializeIlpFulfill(configOf('test.ledger.me', 0, '€'))
  expect(fulfillment).toEqual(Buffer.alloc(32))
  expect(answer).toEqual(
    Buffer.concat([Buffer.of(14), Buffer.from('test.ledger.me'), Buffer.of(0), Buffer.of(3), Buffer.from('€')])
  )
})
