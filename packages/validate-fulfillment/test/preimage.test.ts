import { createHash } from 'node:crypto'
import { fulfillFulfillment, prepareCondition } from '@ilp-wrap/core/packet'
import { fulfill, prepare } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { conditionOf, isPreimage } from '../src/preimage.js'

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const data = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

it('reads the condition where core does', () => {
  fc.assert(
    fc.property(bytes(32), data, (condition, data) => {
      const packet = prepare({ condition, data })
      expect(conditionOf(packet)).toBe(prepareCondition(packet)?.toString('latin1'))
    })
  )
})

it('takes just the fulfillment whose SHA-256 is the condition', () => {
  fc.assert(
    fc.property(bytes(32), data, fc.nat(31), fc.integer({ min: 0, max: 255 }), (fulfillment, data, at, flip) => {
      const packet = fulfill({ fulfillment, data })
      const condition = createHash('sha256').update(fulfillFulfillment(packet)!).digest()
      condition[at]! ^= flip
      expect(isPreimage(packet, condition.toString('latin1'))).toBe(flip === 0)
    })
  )
})
