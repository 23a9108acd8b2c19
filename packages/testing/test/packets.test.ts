import { createHash } from 'node:crypto'
import { deserializeIlpFulfill, deserializeIlpPrepare, deserializeIlpReject } from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { FULFILLMENT, conditionOf, fulfill, fulfillmentOf, prepare, rejectPacket } from '../src/index.js'

describe('packet builders', () => {
  it('make a prepare and a fulfill that fit each other', () => {
    const { executionCondition } = deserializeIlpPrepare(prepare())
    const { fulfillment } = deserializeIlpFulfill(fulfill())
    expect(createHash('sha256').update(fulfillment).digest()).toEqual(executionCondition)
    const other = fulfillmentOf('other')
    expect(deserializeIlpPrepare(prepare({ fulfillment: other })).executionCondition).toEqual(conditionOf(other))
    expect(deserializeIlpFulfill(fulfill({ fulfillment: other })).fulfillment).toEqual(other)
  })

  it('take each field as it is given', () => {
    const condition = Buffer.alloc(32, 7)
    const expiresAt = Date.UTC(2030, 1, 2, 3, 4, 5, 678)
    const data = Buffer.from('data')
    expect(deserializeIlpPrepare(prepare({ amount: 5n, expiresAt, destination: 'test.bob', condition, data }))).toEqual(
      { amount: '5', expiresAt: new Date(expiresAt), destination: 'test.bob', executionCondition: condition, data }
    )
    expect(deserializeIlpFulfill(fulfill({ data }))).toEqual({ fulfillment: FULFILLMENT, data })
    expect(deserializeIlpReject(rejectPacket({ code: 'F08', message: 'm', triggeredBy: 'test.me', data }))).toEqual({
      code: 'F08',
      message: 'm',
      triggeredBy: 'test.me',
      data
    })
  })

  it('have defaults: one unit, to example.receiver, 30 s from now', () => {
    const before = Date.now()
    const { amount, destination, expiresAt, data } = deserializeIlpPrepare(prepare())
    expect([amount, destination, data.length]).toEqual(['1', 'example.receiver', 0])
    expect(expiresAt.getTime()).toBeGreaterThanOrEqual(before + 30_000)
    expect(deserializeIlpReject(rejectPacket('T00'))).toEqual({
      code: 'T00',
      message: '',
      triggeredBy: '',
      data: Buffer.alloc(0)
    })
  })

  it('take amounts of any kind up to the largest', () => {
    for (const amount of ['18446744073709551615', 2n ** 64n - 1n]) {
      expect(deserializeIlpPrepare(prepare({ amount })).amount).toBe('18446744073709551615')
    }
    expect(deserializeIlpPrepare(prepare({ amount: 7 })).amount).toBe('7')
  })
})
