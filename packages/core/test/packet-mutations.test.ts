/**
 * The readers against ilp-packet 3: the same value, or both refuse, over packets as ilp-packet writes them and over what
 * a broken or hostile peer may make of them. Each packet lies within a bigger buffer, so that a reader that goes beyond
 * an end finds bytes that would suit it.
 */
import fc from 'fast-check'
import {
  deserializeIlpFulfill,
  deserializeIlpPacket,
  deserializeIlpPrepare,
  deserializeIlpReject,
  serializeIlpFulfill,
  serializeIlpPrepare,
  serializeIlpReject
} from 'ilp-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as packet from '../src/packet/index.js'

const SEED = 20_261_124

/** What a reader gives, in a form that `===` compares. */
type Value = string | number | bigint | boolean | undefined

function attempt<T>(read: (bytes: Buffer) => T, bytes: Buffer): T | undefined {
  try {
    return read(bytes)
  } catch {
    return undefined
  }
}

const hex = (bytes: Buffer | undefined): string | undefined => bytes?.toString('hex')

function accordingToIlpPacket(bytes: Buffer): Record<string, Value> {
  const prepare = attempt(deserializeIlpPrepare, bytes)
  const fulfill = attempt(deserializeIlpFulfill, bytes)
  const reject = attempt(deserializeIlpReject, bytes)
  return {
    packetType: attempt(deserializeIlpPacket, bytes)?.type,
    isPrepare: prepare !== undefined,
    prepareAmount: prepare && BigInt(prepare.amount),
    prepareExpiresAt: prepare?.expiresAt.getTime(),
    prepareCondition: hex(prepare?.executionCondition),
    prepareDestination: prepare?.destination,
    prepareData: hex(prepare?.data),
    isFulfill: fulfill !== undefined,
    fulfillFulfillment: hex(fulfill?.fulfillment),
    fulfillData: hex(fulfill?.data),
    isReject: reject !== undefined,
    rejectCode: reject?.code,
    rejectTriggeredBy: reject?.triggeredBy,
    rejectMessage: reject?.message,
    rejectData: hex(reject?.data)
  }
}

function accordingToReaders(bytes: Buffer): Record<string, Value> {
  return {
    packetType: packet.packetType(bytes),
    isPrepare: packet.isPrepare(bytes),
    prepareAmount: packet.prepareAmount(bytes),
    prepareExpiresAt: packet.prepareExpiresAt(bytes),
    prepareCondition: hex(packet.prepareCondition(bytes)),
    prepareDestination: packet.prepareDestination(bytes),
    prepareData: hex(packet.prepareData(bytes)),
    isFulfill: packet.isFulfill(bytes),
    fulfillFulfillment: hex(packet.fulfillFulfillment(bytes)),
    fulfillData: hex(packet.fulfillData(bytes)),
    isReject: packet.isReject(bytes),
    rejectCode: packet.rejectCode(bytes),
    rejectTriggeredBy: packet.rejectTriggeredBy(bytes),
    rejectMessage: packet.rejectMessage(bytes),
    rejectData: hex(packet.rejectData(bytes))
  }
}

/** A copy of the bytes with others around them that go on where they end. */
function surrounded(bytes: Buffer, filling: string): Buffer {
  const around = Buffer.alloc(bytes.length + 600, filling, 'latin1')
  bytes.copy(around, 300)
  return around.subarray(300, 300 + bytes.length)
}

const FILLINGS = ['1', 'g.a', '\0', '\x0c\x05']
let accepted = 0
let refused = 0

function compare(bytes: Buffer): void {
  const expected = accordingToIlpPacket(bytes)
  const filling = FILLINGS[(accepted + refused) % FILLINGS.length]!
  const actual = accordingToReaders(surrounded(bytes, filling))
  for (const name of Object.keys(expected)) {
    if (actual[name] === expected[name]) continue
    expect.fail(`${name} of ${bytes.toString('hex')}: ${String(actual[name])}, not ${String(expected[name])}`)
  }
  if (expected['packetType'] === undefined) refused++
  else accepted++
}

// ---- packets

const segment = fc.stringMatching(/^[a-zA-Z0-9_~-]{1,12}$/)
const scheme = fc.constantFrom('g', 'private', 'example', 'peer', 'self', 'test', 'test1', 'test2', 'test3', 'local')
const address = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(scheme, fc.array(segment, { minLength: 1, maxLength: 6 })).map(([s, a]) => [s, ...a].join('.'))
  },
  { weight: 1, arbitrary: fc.integer({ min: 1015, max: 1030 }).map((length) => `g.${'x'.repeat(length - 2)}`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 20 }) }
)
const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 60 }) },
  { weight: 2, arbitrary: fc.constantFrom(31, 32, 126, 127, 128, 129, 254, 255, 256, 257) }
)
const data = length
  .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))
  .map((bytes) => Buffer.from(bytes))
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const prepare = fc
  .record({
    amount: fc
      .oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n))
      .map(String),
    executionCondition: hash,
    expiresAt: fc.date({
      min: new Date(Date.UTC(1000, 0, 1)),
      max: new Date(Date.UTC(9999, 11, 31)),
      noInvalidDate: true
    }),
    destination: address,
    data
  })
  .map(serializeIlpPrepare)
const fulfill = fc.record({ fulfillment: hash, data }).map(serializeIlpFulfill)
const reject = fc
  .record({
    code: fc.oneof(
      fc.constantFrom('F08', 'T00', 'R99'),
      fc.string({ unit: 'binary-ascii', minLength: 3, maxLength: 3 })
    ),
    triggeredBy: fc.oneof(address, fc.constant('')),
    message: fc.string({ unit: 'binary', maxLength: 150 }),
    data
  })
  .map(serializeIlpReject)
const anyPacket = fc.oneof(
  { weight: 5, arbitrary: prepare },
  { weight: 2, arbitrary: fulfill },
  { weight: 3, arbitrary: reject }
)

// ---- what may befall them

/** Numbers from 0 to below `limit`, the same for the same seed. */
type Random = (limit: number) => number

function randomOf(seed: number): Random {
  let state = seed | 0
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

const TELLING_BYTES = [
  0, 1, 2, 0x2e, 0x30, 0x39, 0x3a, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xae, 0xff, 12, 13, 14
]
const TELLING_DATES = [
  ...['19700101000000000', '19700101000000001', '19691231240000000', '00000000000000000', '00991231235959999'],
  ...['99999999999999999', '20261301000000000', '20260001000000000', '20240229000000000', '20230229000000000'],
  ...[
    '2026 1 2 3 4 5  6',
    '                 ',
    '+026010203040506 ',
    '-0010101010101001',
    '1e3 0102030405.60',
    '0x1F0102030405006'
  ],
  ...[
    '0b110101010101010',
    '20260102030405e2 ',
    '2026\t1\n203040567x',
    '2026-1-2-3-4-5-67',
    '0.5.1.2.3.4.5.678',
    '1e99010203040506 '
  ]
]

/** Where the contents of a packet begin. */
function contentsOf(bytes: Buffer): number {
  const first = bytes[1] ?? 0
  return first < 128 ? 2 : 2 + (first & 0x7f)
}

/** The length in so many bytes, 0 for the short form. */
function lengthPrefix(value: number, size: number): Buffer {
  if (size === 0) return Buffer.from([value & 0x7f])
  const prefix = Buffer.alloc(1 + size)
  prefix[0] = 0x80 + size
  for (let i = size, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) prefix[i] = rest % 256
  return prefix
}

type Mutation = (bytes: Buffer, random: Random) => Buffer

const setByte: Mutation = (bytes, random) => {
  bytes[random(bytes.length)] = random(2) === 0 ? random(256) : TELLING_BYTES[random(TELLING_BYTES.length)]!
  return bytes
}
const flipBit: Mutation = (bytes, random) => {
  bytes[random(bytes.length)]! ^= 1 << random(8)
  return bytes
}
const highBits: Mutation = (bytes, random) => {
  const from = random(bytes.length)
  for (let i = from; i < Math.min(bytes.length, from + 1 + random(20)); i++) bytes[i]! |= 0x80
  return bytes
}
const truncate: Mutation = (bytes, random) => bytes.subarray(0, random(bytes.length + 1))
const append: Mutation = (bytes, random) => Buffer.concat([bytes, Buffer.alloc(1 + random(5), random(256))])
const remove: Mutation = (bytes, random) => {
  const at = random(bytes.length)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))])
}
const insert: Mutation = (bytes, random) => {
  const at = random(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + random(4), random(256)), bytes.subarray(at)])
}
/** Writes the length of the contents in another form, or another length, or contents of another length. */
const envelope: Mutation = (bytes, random) => {
  const contents = bytes.subarray(contentsOf(bytes))
  const cut = contents.subarray(0, contents.length - (random(3) === 0 ? random(4) : 0))
  const more = Buffer.alloc(random(3) === 0 ? random(300) : 0, random(256))
  const stated = cut.length + more.length + (random(4) === 0 ? random(5) - 2 : 0)
  return Buffer.concat([bytes.subarray(0, 1), lengthPrefix(Math.max(0, stated), random(9)), cut, more])
}
/** Writes the length of an inner string in another form; the envelope is made to fit. */
const innerLength: Mutation = (bytes, random) => {
  const contents = bytes.subarray(contentsOf(bytes))
  const at = bytes[0] === 12 ? 57 : bytes[0] === 13 ? 32 : 3
  const first = contents[at]
  if (first === undefined || first >= 128) return flipBit(bytes, random)
  const prefix = lengthPrefix(first + (random(4) === 0 ? random(300) : 0), random(9))
  const changed = Buffer.concat([
    contents.subarray(0, at),
    prefix,
    contents.subarray(at + 1),
    Buffer.alloc(random(400), 1)
  ])
  return Buffer.concat([
    bytes.subarray(0, 1),
    lengthPrefix(changed.length, changed.length < 128 ? 0 : changed.length < 256 ? 1 : 2),
    changed
  ])
}
const date: Mutation = (bytes, random) => {
  const at = contentsOf(bytes) + 8
  const text = TELLING_DATES[random(TELLING_DATES.length)]!
  const from = random(2) === 0 ? 0 : random(17)
  if (at + from < bytes.length) bytes.write(text.slice(from), at + from, 'latin1')
  return bytes
}
const oddDate: Mutation = (bytes, random) => {
  const at = contentsOf(bytes) + 8 + random(17)
  const characters = ' 0123456789+-.eExXbo\t\n\v\f\r_'
  if (at < bytes.length) bytes[at] = characters.charCodeAt(random(characters.length)) | (random(4) === 0 ? 0x80 : 0)
  return bytes
}
const MUTATIONS = [setByte, flipBit, highBits, truncate, append, remove, insert, envelope, innerLength, date, oddDate]

function mutate(bytes: Buffer, random: Random): Buffer {
  let mutated = Buffer.from(bytes)
  for (let times = 1 + random(3); times > 0; times--) {
    if (mutated.length > 0) mutated = Buffer.from(MUTATIONS[random(MUTATIONS.length)]!(mutated, random))
  }
  return mutated
}

describe('the readers and ilp-packet', () => {
  const { stackTraceLimit } = Error
  beforeAll(() => {
    // ilp-packet throws hundreds of thousands of times
    Error.stackTraceLimit = 0
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  it('agree on packets that ilp-packet has written', () => {
    fc.assert(fc.property(anyPacket, compare), { numRuns: 3000, seed: SEED })
  })

  it('agree on every truncation of a packet', () => {
    const property = fc.property(anyPacket, (bytes) => {
      for (let end = 0; end < bytes.length; end++) compare(bytes.subarray(0, end))
    })
    fc.assert(property, { numRuns: 60, seed: SEED })
  })

  it('agree on 120,000 mutations of packets, accepted and refused', () => {
    accepted = refused = 0
    const property = fc.property(anyPacket, fc.integer(), (bytes, seed) => {
      const random = randomOf(seed)
      for (let i = 0; i < 60; i++) compare(mutate(bytes, random))
    })
    fc.assert(property, { numRuns: 2000, seed: SEED })
    expect(accepted + refused).toBe(120_000)
    expect(accepted).toBeGreaterThan(20_000)
    expect(refused).toBeGreaterThan(20_000)
  }, 120_000)

  it('agree on every form of a length, for all of 0 to 8 bytes', () => {
    for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      for (const value of [
        0,
        1,
        32,
        127,
        128,
        129,
        255,
        256,
        257,
        65_535,
        65_536,
        2 ** 24 - 1,
        2 ** 24,
        2 ** 32,
        2 ** 47
      ]) {
        const contents = Buffer.alloc(Math.min(value, 70_000), 1)
        compare(Buffer.concat([Buffer.from([13]), lengthPrefix(value, size), contents]))
        if (value > 70_000) continue
        const inner = Buffer.concat([Buffer.alloc(32), lengthPrefix(value, size), contents])
        compare(Buffer.concat([Buffer.from([13]), lengthPrefix(inner.length, 3), inner]))
        compare(Buffer.concat([Buffer.from([13]), lengthPrefix(inner.length, 5), inner]))
        compare(Buffer.concat([Buffer.from([13]), lengthPrefix(inner.length, 6), inner]))
      }
    }
  })

  it('agree on how long a packet must be to have a length of four bytes', () => {
    for (const size of [2 ** 24 - 1, 2 ** 24]) {
      const bytes = Buffer.concat([Buffer.from([13]), lengthPrefix(size, 4), Buffer.alloc(size)])
      expect(packet.isFulfill(bytes)).toBe(attempt(deserializeIlpFulfill, bytes) !== undefined)
      expect(packet.isFulfill(bytes)).toBe(size === 2 ** 24)
    }
  })

  it('agree on random bytes', () => {
    const typed = fc.tuple(fc.constantFrom(12, 13, 14), fc.uint8Array({ maxLength: 100 }))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => compare(Buffer.from(bytes))),
      { numRuns: 3000, seed: SEED }
    )
    fc.assert(
      fc.property(typed, ([type, bytes]) => compare(Buffer.from([type, ...bytes]))),
      { numRuns: 6000, seed: SEED }
    )
  })
})
