import { reject, rejectCode } from '@ilp-wrap/core/packet'
import { fulfill } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fieldsOf } from '../src/fields.js'
import { assignedAddress } from '../src/ildcp.js'

/** An octet string, its length as short as can be (RFC 0030, "Variable-Length Octet Strings"). */
function octets(text: string): Buffer {
  const { length } = text
  const head = length < 128 ? [length] : length < 256 ? [129, length] : [130, length >> 8, length & 255]
  return Buffer.concat([Buffer.from(head), Buffer.from(text, 'ascii')])
}

const segment = fc.stringMatching(/^[a-zA-Z0-9_~-]{1,300}$/)
const addresses = fc.tuple(fc.constantFrom('g', 'example', 'test1'), segment, segment).map((parts) => parts.join('.'))
const assets = fc.stringMatching(/^[A-Z]{0,200}$/)

describe('the address in an answer to peer.config', () => {
  it('is read, of any length, whatever follows', () => {
    fc.assert(
      fc.property(addresses, fc.nat(255), assets, fc.uint8Array(), (address, scale, asset, rest) => {
        const data = Buffer.concat([octets(address), Buffer.of(scale), octets(asset), rest])
        expect(assignedAddress(fulfill({ data }))).toBe(address)
      })
    )
  })

  it('is not there if the answer ends too early', () => {
    fc.assert(
      fc.property(addresses, assets, fc.nat(), (address, asset, at) => {
        const data = Buffer.concat([octets(address), Buffer.of(9), octets(asset)])
        expect(assignedAddress(fulfill({ data: data.subarray(0, at % data.length) }))).toBeUndefined()
      })
    )
  })

  it('is nothing to fail over, whatever came', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const data = Buffer.from(bytes)
        expect(assignedAddress(data)).toBeUndefined()
        expect(typeof assignedAddress(fulfill({ data }))).toMatch(/string|undefined/)
      })
    )
  })
})

describe('what an error says of its reject', () => {
  const codes = fc.oneof(fc.stringMatching(/^[FTR][0-9]{2}$/), fc.string(), fc.anything())
  const data = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.anything()
  )

  it('can always stand in one', () => {
    fc.assert(
      fc.property(codes, data, (ilpErrorCode, ilpErrorData) => {
        const fields = fieldsOf({ ilpErrorCode, ilpErrorData })
        const isCode = typeof ilpErrorCode === 'string' && /^[FTR][0-9]{2}$/.test(ilpErrorCode)
        expect(fields.code).toBe(isCode ? ilpErrorCode : undefined)
        expect(fields.data).toBe(isCode && Buffer.isBuffer(ilpErrorData) ? ilpErrorData : undefined)
        const { code = 'T00', data } = fields
        expect(rejectCode(reject({ code, message: '', ...(data !== undefined && { data }) }))).toBe(code)
      })
    )
  })

  it('is nothing to fail over, whatever was thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(fieldsOf(thrown)).toEqual({ code: undefined, data: undefined })
      })
    )
  })
})
