import { prepareAmount, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { conditionOf, fulfill, fulfillmentOf, prepare, testClock } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Answers } from '../src/answers.js'
import { Flights } from '../src/flights.js'
import type { Printed } from '../src/flights.js'
import { KeptPacket } from '../src/kept-packet.js'
import { keyOf, printOf } from '../src/key.js'

const fields = fc.record({
  amount: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  expiresAt: fc.integer({ min: 1, max: Date.UTC(2100, 0) }),
  destination: fc.constantFrom('g.a', 'g.ab', 'example.bob.~'),
  condition: fc.constantFrom(conditionOf(fulfillmentOf(1)), conditionOf(fulfillmentOf(2))),
  data: fc.constantFrom(
    Buffer.alloc(0),
    // on both sides of the length from which on a key is a hash, some of them alike but for the last byte
    ...[1, 400, 900].flatMap((length) => [
      Buffer.alloc(length),
      Buffer.concat([Buffer.alloc(length - 1), Buffer.of(1)])
    ])
  )
})

describe('the key of a prepare', () => {
  it('is that of another one if and only if they differ in nothing but amount and expiry', () => {
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        const a = prepare(one)
        const b = prepare(other)
        // the same amount and expiry make packets that are the same if nothing else differs
        const twin = prepare({ ...other, amount: one.amount, expiresAt: one.expiresAt })
        expect(keyOf(a) === keyOf(b)).toBe(a.equals(twin))
      })
    )
  })

  it('does not change with amount and expiry', () => {
    fc.assert(
      fc.property(fields, fields, (one, { amount, expiresAt }) => {
        const other = prepare({ ...one, amount, expiresAt })
        expect([prepareAmount(other), prepareExpiresAt(other)]).toEqual([amount, expiresAt])
        expect(keyOf(prepare(one))).toBe(keyOf(other))
        expect(printOf(prepare(one))).toBe(printOf(other))
        expect(printOf(other)).toBeGreaterThanOrEqual(0)
        expect(printOf(other)).toBeLessThan(2 ** 30)
      })
    )
  })

  it('is short, however long the packet', () => {
    const length = (bytes: number): number => keyOf(prepare({ data: Buffer.alloc(bytes) })).length
    expect(length(32_000)).toBe(32)
    expect(length(100)).toBeGreaterThan(100)
  })
})

/** Of different lengths; 'a' and 'z' have the same print. */
const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'z', 'g'.repeat(500))
const prints = (key: string): number => (key === 'z' ? 'a' : key).charCodeAt(0)

describe('the fulfills that are kept', () => {
  const limits = { maxEntries: 5, maxBytes: 2000, maxHoldMs: 1000, graceMs: 100 }
  const step = fc.record({
    key: keys,
    amount: fc.bigInt({ min: 0n, max: 3n }),
    expiresInMs: fc.integer({ min: -10, max: 2000 }),
    advanceMs: fc.integer({ min: 0, max: 300 }),
    // within the memory that each has, more, and too much
    bytes: fc.constantFrom(0, 100, 700, 3000),
    sweep: fc.boolean()
  })

  it('stay within bounds, and answer only what asks for no more, in their time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = testClock()
        const answers = new Answers(limits, clock)
        let kept = new KeptPacket()
        const given: [Buffer, Buffer][] = []
        const added: { key: string; amount: bigint; expiresAt: number; at: number; reply: Buffer }[] = []
        for (const { key, amount, expiresInMs, advanceMs, bytes, sweep } of steps) {
          clock.jump(advanceMs)
          if (sweep) answers.sweep()
          const at = clock.now()
          const expiresAt = at + expiresInMs
          const packet = prepare({ amount, expiresAt, data: Buffer.from(key) })
          const find = (): Buffer | undefined => answers.find(prints(key), keyOf(packet), amount, expiresAt)
          const found = find()
          expect(found === undefined || answers.has(prints(key))).toBe(true)
          if (found !== undefined) {
            const sources = added.filter(
              (each) =>
                each.key === key &&
                each.amount >= amount &&
                each.expiresAt >= expiresAt &&
                at < Math.min(each.expiresAt, each.at + limits.maxHoldMs) + limits.graceMs
            )
            expect(sources.some(({ reply }) => reply.equals(found))).toBe(true)
            given.push([found, Buffer.from(found)])
          }
          const reply = fulfill({ data: Buffer.alloc(bytes, added.length) })
          kept.keep(packet, prints(key), expiresAt)
          if (!answers.cover(kept)) kept = answers.exchange(kept, reply)
          if (at < expiresAt) {
            added.push({ key, amount, expiresAt, at, reply })
            // what has just come in, or what was there and does as well, is found, unless it is too large to be kept
            expect(find() !== undefined || bytes === 3000).toBe(true)
          }
          expect(answers.size).toBeLessThanOrEqual(limits.maxEntries)
          expect(answers.bytes).toBeLessThanOrEqual(limits.maxBytes)
        }
        // memory that serves again is nobody else's
        for (const [found, copy] of given) expect(found).toEqual(copy)
        clock.jump(limits.maxHoldMs + limits.graceMs)
        answers.sweep()
        expect([answers.size, answers.bytes]).toEqual([0, 0])
      }),
      { numRuns: 200 }
    )
  })
})

interface Packet extends Printed<Packet> {
  readonly key: string
}

describe('the packets in flight', () => {
  it('stay within bounds, and are found until they have landed, were replaced, or have seen two sweeps', () => {
    const limits = { maxEntries: 4, maxBytes: 1100 }
    const step = fc.record({
      doing: fc.constantFrom('add', 'add', 'land', 'sweep'),
      key: keys,
      which: fc.nat()
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const flights = new Flights<Packet>(limits)
        const all: Packet[] = []
        const model = new Map<number, { packet: Packet; sweeps: number }>()
        for (const { doing, key, which } of steps) {
          if (doing === 'add') {
            const print = prints(key)
            const packet: Packet = { print, key, keyLength: key.length, after: undefined, since: 0 }
            all.push(packet)
            flights.add(packet)
            model.delete(print)
            if (flights.get(print, key) === packet) model.set(print, { packet, sweeps: 0 })
            else {
              expect(flights.size === limits.maxEntries || flights.bytes + 256 + key.length > limits.maxBytes).toBe(
                true
              )
            }
          } else if (doing === 'land') {
            const packet = all[which % Math.max(1, all.length)]
            if (packet === undefined) continue
            flights.delete(packet)
            if (model.get(packet.print)?.packet === packet) model.delete(packet.print)
          } else {
            flights.sweep()
            for (const [print, entry] of model) if (++entry.sweeps === 2) model.delete(print)
          }
          expect(flights.size).toBe(model.size)
          for (const packet of all) {
            const isThere = model.get(packet.print)?.packet === packet
            expect(flights.get(packet.print, packet.key) === packet).toBe(isThere)
          }
          expect(flights.bytes).toBe([...model.values()].reduce((sum, { packet }) => sum + 256 + packet.key.length, 0))
          expect(flights.size).toBeLessThanOrEqual(limits.maxEntries)
          expect(flights.bytes).toBeLessThanOrEqual(limits.maxBytes)
        }
      })
    )
  })

  it('are found among many', () => {
    const flights = new Flights<Packet>({ maxEntries: 1000, maxBytes: 2 ** 20 })
    const packets = Array.from({ length: 300 }, (_, i): Packet => {
      const key = String(i)
      return { print: 64 * i, key, keyLength: key.length, after: undefined, since: 0 }
    })
    for (const packet of packets) flights.add(packet)
    for (const packet of packets) expect(flights.get(packet.print, packet.key)).toBe(packet)
    for (const packet of packets.filter((_, i) => i % 3 > 0)) flights.delete(packet)
    for (const [i, packet] of packets.entries()) expect(flights.has(packet.print)).toBe(i % 3 === 0)
    expect(flights.size).toBe(100)
  })
})
