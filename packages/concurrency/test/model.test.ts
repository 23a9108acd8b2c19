import { prepareAmount } from '@ilp-wrap/core/packet'
import { conformance, referenceFactory } from '@ilp-wrap/testing'
import type { MockRequest } from '@ilp-wrap/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concurrency } from '../src/index.js'
import { setup } from './setup.js'

// the limit is reached, and packets wait, throughout these
conformance({ describe, it }, referenceFactory(), {
  wrap: concurrency({ incoming: { limit: 50 }, outgoing: { limit: 50 } })
})

interface Packet {
  readonly id: number
  readonly expiresAt: number
  request?: MockRequest
  answered?: boolean
  code?: string
}

const MAX_QUEUED = 4
const MARGIN_MS = 10

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), lifeMs: fc.integer({ min: 0, max: 200 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 50 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) }
  ),
  { minLength: 30, maxLength: 60 }
)

describe('concurrency, over any sequence of packets, answers, pauses, changes and losses', () => {
  it('keeps to its limit, wastes no slot, keeps the order, and leaves nobody waiting in vain', async () => {
    const met = { waited: 0, late: 0, full: 0, expired: 0, lost: 0 }
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), steps, async (firstLimit, steps) => {
        let limit = firstLimit
        const outgoing = { limit, maxQueued: MAX_QUEUED, marginMs: MARGIN_MS }
        const { clock, peer, requests, send, handle } = setup({ outgoing })
        const packets: Packet[] = []
        const reached: number[] = []
        const inFlight = (): Packet[] =>
          packets.filter((each) => each.request !== undefined && each.answered !== true && each.expiresAt > clock.now())
        const waiting = (): Packet[] => packets.filter((each) => each.request === undefined && each.code === undefined)

        const settle = async (): Promise<void> => {
          await clock.advance(0)
          while (requests.size > 0) {
            const request = await requests.take()
            const packet = packets[Number(prepareAmount(request.data))]!
            packet.request = request
            reached.push(packet.id)
          }
        }

        for (const step of steps) {
          const before = { inFlight: inFlight().length, waiting: waiting().length }
          if (step.do === 'send') {
            const packet: Packet = { id: packets.length, expiresAt: clock.now() + step.lifeMs + 1 }
            packets.push(packet)
            void send({ amount: packet.id, expiresAt: packet.expiresAt }).then((code) => (packet.code = code))
            await settle()
            if (packet.code === 'T03') {
              if (before.waiting === MAX_QUEUED) met.full++
              expect(before.waiting >= MAX_QUEUED || packet.expiresAt - MARGIN_MS <= clock.now()).toBe(true)
              expect(before.inFlight >= limit || before.waiting > 0).toBe(true)
            }
            if (packet.request === undefined && packet.code === undefined) met.waited++
          }
          if (step.do === 'answer') {
            const candidates = packets.filter((each) => each.request !== undefined && each.answered !== true)
            const packet = candidates[step.which % Math.max(1, candidates.length)]
            if (packet !== undefined) {
              packet.answered = true
              packet.request!.fulfill()
            }
          }
          if (step.do === 'advance') {
            const patient = waiting()
            for (let ms = 0; ms < step.ms; ms++) {
              await clock.advance(1)
              await settle()
            }
            met.late += patient.filter((each) => each.code === 'T03').length
            met.expired += before.inFlight > inFlight().length ? 1 : 0
          }
          if (step.do === 'limit') {
            limit = step.limit
            handle.setLimits({ outgoing: { limit } })
          }
          if (step.do === 'lose') {
            met.lost += before.waiting
            const patient = waiting()
            peer.lose()
            peer.restore()
            await settle()
            expect(patient.map((each) => each.code)).toEqual(patient.map(() => 'T01'))
          }
          await settle()

          const now = { inFlight: inFlight().length, waiting: waiting().length }
          expect(handle.snapshot().outgoing).toMatchObject(now)
          // lowering the limit calls nobody back
          expect(now.inFlight <= Math.max(limit, before.inFlight)).toBe(true)
          expect(now.waiting === 0 || now.inFlight >= limit).toBe(true)
          expect(now.waiting <= MAX_QUEUED).toBe(true)
          for (const each of waiting()) expect(each.expiresAt - MARGIN_MS > clock.now()).toBe(true)
        }
        expect(reached).toEqual([...reached].sort((a, b) => a - b))

        // in the end everybody has gone, or been told that he cannot, and all slots are free
        for (let ms = 0; ms < 210; ms++) {
          await clock.advance(1)
          await settle()
        }
        expect(waiting()).toEqual([])
        expect(handle.snapshot().outgoing).toMatchObject({ inFlight: 0, waiting: 0, waitingAmount: 0n })
      }),
      { numRuns: 30 }
    )
    expect(Object.entries(met).filter(([, times]) => times === 0)).toEqual([])
  }, 60_000)
})
