import fc from 'fast-check'
import {
  Errors,
  deserializeIlpReject,
  serializeIlpFulfill,
  serializeIlpPrepare,
  serializeIlpReject,
  type IlpPrepare
} from 'ilp-packet'
import { describe, expect, it } from 'vitest'
import { InvalidFieldsError } from '../src/errors.js'
import {
  FULFILL,
  PREPARE,
  REJECT,
  amountTooLargeData,
  fulfillData,
  fulfillFulfillment,
  isFulfill,
  isPrepare,
  isReject,
  packetType,
  prepareAmount,
  prepareCondition,
  prepareData,
  prepareDestination,
  prepareExpiresAt,
  reject,
  rejectCode,
  rejectData,
  rejectMessage,
  rejectTriggeredBy,
  withExpiresAt,
  type RejectFields
} from '../src/packet/index.js'

const EXPIRES_AT = Date.UTC(2026, 10, 24, 12, 30, 15, 678)

function prepare(fields: Partial<IlpPrepare> = {}): Buffer {
  return serializeIlpPrepare({
    amount: '18446744073709551615',
    executionCondition: Buffer.alloc(32, 7),
    expiresAt: new Date(EXPIRES_AT),
    destination: 'test.connector.alice',
    data: Buffer.from('hello'),
    ...fields
  })
}

/** The same packet with another text in place of its expiry. */
function withTimestamp(text: string): Buffer {
  const packet = prepare()
  packet.write(text, packet.indexOf('20261124'), 'latin1')
  return packet
}

describe('a prepare', () => {
  it('has its fields at their offsets', () => {
    const packet = prepare()
    expect(packetType(packet)).toBe(PREPARE)
    expect(prepareAmount(packet)).toBe(2n ** 64n - 1n)
    expect(prepareExpiresAt(packet)).toBe(EXPIRES_AT)
    expect(prepareCondition(packet)).toEqual(Buffer.alloc(32, 7))
    expect(prepareDestination(packet)).toBe('test.connector.alice')
    expect(prepareData(packet)).toEqual(Buffer.from('hello'))
  })

  it('shares its memory with its condition and data', () => {
    const packet = prepare()
    prepareCondition(packet)?.fill(1)
    prepareData(packet)?.fill(2)
    expect(packet).toEqual(prepare({ executionCondition: Buffer.alloc(32, 1), data: Buffer.alloc(5, 2) }))
  })

  it('may go to an address of each scheme, and to no other', () => {
    for (const scheme of ['g', 'private', 'example', 'peer', 'self', 'test', 'test1', 'test2', 'test3', 'local']) {
      expect(isPrepare(prepare({ destination: `${scheme}.a` })), scheme).toBe(true)
      expect(isPrepare(prepare({ destination: scheme })), scheme).toBe(false)
      expect(isPrepare(prepare({ destination: `${scheme}.` })), scheme).toBe(false)
      expect(isPrepare(prepare({ destination: `${scheme}a.a` })), scheme).toBe(false)
    }
    for (const address of [
      '',
      '.',
      'tes.a',
      'test4.a',
      'G.a',
      'g..a',
      'g.a.',
      'g.a b',
      'g.a\n',
      ' g.a',
      'gg.a',
      'pe.a'
    ]) {
      expect(isPrepare(prepare({ destination: address })), JSON.stringify(address)).toBe(false)
    }
  })

  it('may go to an address of 1023 characters, and to none that is longer', () => {
    expect(isPrepare(prepare({ destination: `g.${'a'.repeat(1021)}` }))).toBe(true)
    expect(isPrepare(prepare({ destination: `g.${'a'.repeat(1022)}` }))).toBe(false)
  })

  it('has an expiry of any 17 digits, as Date.UTC reads them', () => {
    const two = fc.integer({ min: 0, max: 99 })
    const digits = fc.tuple(
      fc.integer({ min: 0, max: 9999 }),
      two,
      two,
      two,
      two,
      two,
      fc.integer({ min: 0, max: 999 })
    )
    const property = fc.property(digits, ([year, month, day, hour, minute, second, ms]) => {
      const pad = (value: number, length: number) => String(value).padStart(length, '0')
      const text = `${pad(year, 4)}${[month, day, hour, minute, second].map((n) => pad(n, 2)).join('')}${pad(ms, 3)}`
      const expected = Date.UTC(year, month - 1, day, hour, minute, second, ms)
      if (prepareExpiresAt(withTimestamp(text)) !== (expected === 0 ? undefined : expected)) expect.fail(text)
    })
    fc.assert(property, { numRuns: 20_000, seed: 24 })
  })

  it('has an expiry on each day of four centuries', () => {
    for (let day = Date.UTC(1899, 0, 1); day < Date.UTC(2301, 0, 1); day += 86_400_000) {
      const text = new Date(day + 1).toISOString().replace(/[-:.TZ]/g, '')
      if (prepareExpiresAt(withTimestamp(text)) !== day + 1) expect.fail(text)
    }
  })

  it('has an expiry of what else Number() and Date.UTC take, as ilp-packet does', () => {
    expect(prepareExpiresAt(withTimestamp('2026 1 2 3 4 5  6'))).toBe(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
    expect(prepareExpiresAt(withTimestamp('1e3 0102030405.60'))).toBe(Date.UTC(1000, 0, 2, 3, 4, 5, 0))
    expect(prepareExpiresAt(withTimestamp('0x1F0102030405006'))).toBe(Date.UTC(1931, 0, 2, 3, 4, 5, 6))
    expect(prepareExpiresAt(withTimestamp('00990102030405006'))).toBe(Date.UTC(1999, 0, 2, 3, 4, 5, 6))
    expect(prepareExpiresAt(withTimestamp('\u00b20261124123015678'))).toBe(EXPIRES_AT)
    expect(prepareExpiresAt(withTimestamp('20261124123015x78'))).toBeUndefined()
  })

  it('is refused when it expires in the first millisecond of 1970, as ilp-packet takes 0 for no date', () => {
    expect(isPrepare(withTimestamp('19700101000000000'))).toBe(false)
    expect(prepareExpiresAt(withTimestamp('19700101000000001'))).toBe(1)
    expect(prepareExpiresAt(withTimestamp('19691231235959999'))).toBe(-1)
  })
})

describe('a prepare that is asked about again', () => {
  it('is still one, and one that was refused may have become one', () => {
    const packet = prepare()
    expect(isPrepare(packet)).toBe(true)
    expect(isPrepare(packet)).toBe(true)
    packet[0] = FULFILL
    expect(isPrepare(packet)).toBe(false)
    packet[0] = PREPARE
    expect(isPrepare(packet)).toBe(true)

    const refused = prepare({ destination: 'test.connector!' })
    expect(isPrepare(refused)).toBe(false)
    refused[refused.indexOf('!')] = 0x2e + 1
    expect(isPrepare(refused)).toBe(false)
    refused[refused.indexOf('/')] = 0x61
    expect(isPrepare(refused)).toBe(true)
  })

  it('has the amount and expiry that a connector has written into it meanwhile (RFC 0027: "modified in-place")', () => {
    const packet = prepare()
    expect(prepareAmount(packet)).toBe(2n ** 64n - 1n)
    packet.writeBigUInt64BE(5n, 2)
    packet.write('2027', 10)
    expect(prepareAmount(packet)).toBe(5n)
    expect(prepareExpiresAt(packet)).toBe(Date.UTC(2027, 10, 24, 12, 30, 15, 678))
    packet.write('20x7', 10)
    expect(prepareExpiresAt(packet)).toBeUndefined()
  })

  it('is not mixed up with the packet that was asked about in between', () => {
    const first = prepare({ data: Buffer.alloc(300, 1), destination: 'g.first' })
    const second = prepare({ amount: '2', destination: 'test.second.one' })
    for (let i = 0; i < 3; i++) {
      expect(prepareDestination(first)).toBe('g.first')
      expect(prepareDestination(second)).toBe('test.second.one')
      expect(prepareData(first)).toEqual(Buffer.alloc(300, 1))
      expect(prepareAmount(second)).toBe(2n)
      expect(isPrepare(Buffer.from([PREPARE]))).toBe(false)
    }
  })

  it('is none any more once its memory has gone to another thread', () => {
    const memory = new ArrayBuffer(256)
    const packet = Buffer.from(memory, 0, prepare().length)
    prepare().copy(packet)
    expect(isPrepare(packet)).toBe(true)
    structuredClone(memory, { transfer: [memory] })
    expect(isPrepare(packet)).toBe(false)
    expect(prepareAmount(packet)).toBeUndefined()
  })

  it('is none any more once its memory has shrunk', () => {
    // TypeScript learns of resizable memory with ES2024
    type Resizable = new (length: number, options: object) => ArrayBuffer & { resize(length: number): void }
    const memory = new (ArrayBuffer as unknown as Resizable)(prepare().length, { maxByteLength: 256 })
    const packet = Object.setPrototypeOf(new Uint8Array(memory), Buffer.prototype as object) as Buffer
    prepare().copy(packet)
    expect(isPrepare(packet)).toBe(true)
    memory.resize(5)
    expect(isPrepare(packet)).toBe(false)
    expect(prepareAmount(packet)).toBeUndefined()
  })
})

describe('a fulfill', () => {
  it('has its fields at their offsets, whatever the length of its data', () => {
    for (const length of [0, 1, 94, 95, 127, 128, 222, 223, 255, 256, 65_535, 65_536]) {
      const packet = serializeIlpFulfill({ fulfillment: Buffer.alloc(32, 9), data: Buffer.alloc(length, 3) })
      expect(packetType(packet)).toBe(FULFILL)
      expect(fulfillFulfillment(packet)).toEqual(Buffer.alloc(32, 9))
      expect(fulfillData(packet)?.equals(Buffer.alloc(length, 3))).toBe(true)
    }
  })
})

describe('a reject', () => {
  const fields = { code: 'F08', triggeredBy: 'test.connector', message: 'too lärge', data: Buffer.alloc(16, 4) }

  it('has its fields at their offsets', () => {
    const packet = serializeIlpReject(fields)
    expect(packetType(packet)).toBe(REJECT)
    expect(rejectCode(packet)).toBe('F08')
    expect(rejectTriggeredBy(packet)).toBe('test.connector')
    expect(rejectMessage(packet)).toBe('too lärge')
    expect(rejectData(packet)).toEqual(Buffer.alloc(16, 4))
  })

  it('is refused when what triggered it is neither empty nor an address', () => {
    expect(isReject(serializeIlpReject({ ...fields, triggeredBy: '' }))).toBe(true)
    expect(isReject(serializeIlpReject({ ...fields, triggeredBy: 'connector' }))).toBe(false)
  })
})

describe('what is no ILP packet', () => {
  const valid = prepare()
  const things: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 12],
    ['a string', 'prepare'],
    ['an object', {}],
    ['a promise', Promise.resolve(valid)],
    ['an array of the right bytes', [...valid]],
    ['a Uint8Array of the right bytes', Uint8Array.from(valid)],
    ['a DataView of the right bytes', new DataView(valid.buffer, valid.byteOffset, valid.length)],
    ['what only inherits from Buffer', Object.create(Buffer.prototype as object)],
    ['a proxy of a Buffer', new Proxy(valid, {})],
    [
      'a DataView that claims to be a Buffer',
      Object.setPrototypeOf(new DataView(new ArrayBuffer(8)), Buffer.prototype as object)
    ],
    ['an empty Buffer', Buffer.alloc(0)],
    ['one byte', Buffer.from([PREPARE])],
    ['JSON', Buffer.from('{"amount":"1"}')],
    ['a packet of the former version', Buffer.from([1, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0])]
  ]
  for (const [what, thing] of things) {
    it(`is ${what}: readers give undefined and throw nothing`, () => {
      const packet = thing as Buffer
      expect([isPrepare, isFulfill, isReject].map((is) => is(packet))).toEqual([false, false, false])
      const readers = [
        ...[packetType, prepareAmount, prepareExpiresAt, prepareCondition, prepareDestination, prepareData],
        ...[fulfillFulfillment, fulfillData, rejectCode, rejectTriggeredBy, rejectMessage, rejectData]
      ]
      for (const read of readers) expect(read(packet), read.name).toBeUndefined()
    })
  }
})

describe('withExpiresAt', () => {
  it('makes the same packet with another expiry, and leaves the first as it is', () => {
    const dates = fc.date({
      min: new Date(Date.UTC(1000, 0, 1)),
      max: new Date(Date.UTC(9999, 11, 31)),
      noInvalidDate: true
    })
    const property = fc.property(dates, fc.uint8Array({ maxLength: 300 }), (expiresAt, bytes) => {
      fc.pre(expiresAt.getTime() !== 0)
      const data = Buffer.from(bytes)
      const packet = prepare({ data })
      const reduced = withExpiresAt(packet, expiresAt.getTime())
      expect(reduced).toEqual(prepare({ data, expiresAt }))
      expect(prepareExpiresAt(reduced)).toBe(expiresAt.getTime())
      expect(packet).toEqual(prepare({ data }))
    })
    fc.assert(property, { numRuns: 500, seed: 24 })
  })

  it('changes nothing else of a packet that ilp-packet would write in another way', () => {
    // the high bit of the address, and bytes behind the packet
    const packet = Buffer.concat([prepare(), Buffer.from('behind')])
    packet[packet.indexOf('alice')] = 0x80 + 0x61
    const reduced = withExpiresAt(packet, EXPIRES_AT - 1000)
    packet.write('20261124123014678', packet.indexOf('20261124'))
    expect(reduced).toEqual(packet)
  })

  it('cuts off the fraction of a millisecond, so that the copy never expires later', () => {
    expect(prepareExpiresAt(withExpiresAt(prepare(), EXPIRES_AT + 0.9))).toBe(EXPIRES_AT)
  })

  it('refuses what is no prepare and what no timestamp can say', () => {
    expect(() => withExpiresAt(reject({ code: 'T00', message: '' }), EXPIRES_AT)).toThrow(InvalidFieldsError)
    for (const ms of [NaN, Infinity, -Infinity, 0, 0.5, -0.5, Date.UTC(10_000, 0, 1), Date.UTC(100, 0, 1) - 1, -1e15]) {
      expect(() => withExpiresAt(prepare(), ms), String(ms)).toThrow(InvalidFieldsError)
    }
    for (const ms of [1, -1, Date.UTC(100, 0, 1), Date.UTC(10_000, 0, 1) - 1]) {
      expect(prepareExpiresAt(withExpiresAt(prepare(), ms))).toBe(ms)
    }
    expect(() => withExpiresAt(prepare(), Date.UTC(100, 0, 1) - 1)).toThrow('years 100 to 9999')
  })
})

describe('reject', () => {
  it('makes the packet that ilp-packet makes', () => {
    const fields = { code: 'T04', triggeredBy: 'test.connector', message: 'no liquidity', data: Buffer.from('why') }
    expect(reject(fields)).toEqual(serializeIlpReject(fields))
    const least = { code: 'R00', message: '' }
    expect(reject(least)).toEqual(serializeIlpReject({ ...least, triggeredBy: '', data: Buffer.alloc(0) }))
  })

  it('makes a packet that readers give back', () => {
    const code = fc.tuple(fc.constantFrom('F', 'T', 'R'), fc.integer({ min: 0, max: 99 }))
    const fields = fc.record({
      code: code.map(([letter, number]) => `${letter}${String(number).padStart(2, '0')}`),
      message: fc.string({ unit: 'grapheme', maxLength: 200 }),
      data: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      triggeredBy: fc.constantFrom('', 'g.a', 'test.a-b.c~d_e')
    })
    const property = fc.property(fields, (given) => {
      const packet = reject(given)
      expect(deserializeIlpReject(packet)).toEqual(given)
      expect({
        code: rejectCode(packet),
        message: rejectMessage(packet),
        data: rejectData(packet),
        triggeredBy: rejectTriggeredBy(packet)
      }).toEqual(given)
    })
    fc.assert(property, { numRuns: 500, seed: 24 })
  })

  it('cuts a message off after 8191 bytes, never within a character', () => {
    const message = (text: string) => rejectMessage(reject({ code: 'T00', message: text }))
    expect(message('a'.repeat(8191))).toBe('a'.repeat(8191))
    expect(message('a'.repeat(8192))).toBe('a'.repeat(8191))
    expect(message('€'.repeat(8191))).toBe('€'.repeat(2730))
    expect(message(`a${'😀'.repeat(3000)}`)).toBe(`a${'😀'.repeat(2047)}`)
    expect(message('ä'.repeat(4000))).toBe('ä'.repeat(4000))
  })

  it('refuses fields that cannot stand in a reject', () => {
    const bad: [string, unknown][] = [
      ...['', 'F', 'F0', 'F000', 'f00', 'X00', 'F0x', 'F00\n', undefined, 100].map(
        (code) => ['code', code] as [string, unknown]
      ),
      ...['connector', 'g', 'g.a b', 5, null].map((value) => ['triggeredBy', value] as [string, unknown]),
      ...[undefined, null, 5, {}].map((value) => ['message', value] as [string, unknown]),
      ...['text', null, Uint8Array.from([1])].map((value) => ['data', value] as [string, unknown])
    ]
    for (const [name, value] of bad) {
      const fields = { code: 'T00', message: 'm', [name]: value } as RejectFields
      expect(() => reject(fields), `${name} ${String(value)}`).toThrow(InvalidFieldsError)
      expect(() => reject(fields)).toThrow(`\`${name}\``)
    }
  })
})

describe('amountTooLargeData', () => {
  it('is what ilp-packet puts into an F08', () => {
    const property = fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 64n - 1n), (received, maximum) => {
      const options = { receivedAmount: String(received), maximumAmount: String(maximum) }
      expect(amountTooLargeData(received, maximum)).toEqual(new Errors.AmountTooLargeError('', options).ilpErrorData)
    })
    fc.assert(property, { numRuns: 500, seed: 24 })
  })

  it('refuses what is no UInt64', () => {
    expect(() => amountTooLargeData(-1n, 1n)).toThrow(InvalidFieldsError)
    expect(() => amountTooLargeData(1n, 2n ** 64n)).toThrow(InvalidFieldsError)
  })
})
