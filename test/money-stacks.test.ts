import { balance, balanceOf } from '@ilp-wrap/balance'
import type { BalanceSnapshot } from '@ilp-wrap/balance'
import { circuitBreaker } from '@ilp-wrap/circuit-breaker'
import { concurrency } from '@ilp-wrap/concurrency'
import { defineMiddleware, describe as describeStack, errorOutcome, events, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { isFulfill, prepareAmount, prepareDestination, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { dedupe } from '@ilp-wrap/dedupe'
import { errorToReject } from '@ilp-wrap/error-to-reject'
import { expire } from '@ilp-wrap/expire'
import { logging } from '@ilp-wrap/logging'
import { maxPacketAmount } from '@ilp-wrap/max-packet-amount'
import { metrics } from '@ilp-wrap/metrics'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { retry } from '@ilp-wrap/retry'
import { Random, chaos, chaosOf, fulfill, loopbackPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import type { ChaosRates, TestClock } from '@ilp-wrap/testing'
import { throughput } from '@ilp-wrap/throughput'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { recommended } from 'ilp-wrap'
import { describe, expect, it } from 'vitest'

/**
 * Whatever stands beside balance, on either side of it, and however badly the link behaves: the books hold exactly what
 * passed them, no bound is passed, nothing stays held, and where the two ends disagree about a packet an event of one of
 * them has named it.
 */

const LIMIT = 400n
const STEPS = 400

/** It does not double packets: a peer counts a second one, too. */
const RATES: ChaosRates = {
  delay: 0.2,
  delayAnswer: 0.2,
  reorder: 0.05,
  cut: 0.005,
  reject: 0.08,
  drop: 0.02,
  dropAnswer: 0.02,
  throw: 0.05,
  late: 0.03,
  twice: 0.05,
  failMoney: 0.1,
  loseMoney: 0.1
}

/** An answer that is none is money lost in silence, unless somebody checks the fulfillments. */
const CHECKED = ['validateFulfillment · balance', 'balance · validateFulfillment', 'recommended']
const ALL_RATES: ChaosRates = { ...RATES, wrong: 0.02 }

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

type Make = () => Middleware

const books: Make = () => balance({ maximum: LIMIT, minimum: -LIMIT })
const neighbours: Record<string, Make> = {
  validateFulfillment: () => validateFulfillment(),
  'validateFulfillment(in)': () => validateFulfillment({ incoming: true }),
  expire: () => expire(),
  'expire(in)': () => expire({ incoming: true }),
  retry: () => retry({ backoff: { baseMs: 20, maxMs: 200 }, busyMs: 100, random: () => 0.5 }),
  rateLimit: () => rateLimit({ incoming: { capacity: 20 }, outgoing: { capacity: 20, mode: 'wait' } }),
  logging: () => logging(),
  dedupe: () => dedupe(),
  'dedupe(in)': () => dedupe({ incoming: true }),
  maxPacketAmount: () => maxPacketAmount({ maximum: 40n }),
  throughput: () => throughput({ incoming: { amount: 2_000n }, outgoing: { amount: 2_000n } }),
  circuitBreaker: () => circuitBreaker(),
  concurrency: () => concurrency({ incoming: { limit: 10 }, outgoing: { limit: 10 } }),
  errorToReject: () => errorToReject(),
  metrics: () => metrics()
}

/** Makes the list, with what `around` makes of balance in its place. */
type Stack = (around: (books: Middleware) => Middleware[]) => Middleware[]

const stacks: [string, Stack][] = [
  ...Object.entries(neighbours).flatMap(([name, make]): typeof stacks => [
    [`${name} · balance`, (around) => [make(), ...around(books())]],
    [`balance · ${name}`, (around) => [...around(books()), make()]]
  ]),
  [
    'balance · errorToReject(out)',
    (around) => [...around(books()), errorToReject({ incoming: false, outgoing: true })]
  ],
  ['recommended', recommendedAround]
]

/** The recommended list, with what `around` makes of its balance. */
function recommendedAround(around: (books: Middleware) => Middleware[]): Middleware[] {
  const list = recommended({
    balance: { maximum: LIMIT, minimum: -LIMIT },
    retry: { backoff: { baseMs: 20, maxMs: 200 }, busyMs: 100, random: () => 0.5 },
    maxPacketAmount: { maximum: 40n },
    throughput: { incoming: { amount: 2_000n }, outgoing: { amount: 2_000n } }
  }) as Middleware[]
  const { middleware } = describeStack(wrap(loopbackPair().alice, list))
  // `compat()`, the first of the list, is no layer over a v2 plugin
  const at = middleware.findIndex(({ name }) => name === 'balance') + 1
  return [...list.slice(0, at), ...around(list[at] as Middleware), ...list.slice(at + 1)]
}

interface Packet {
  readonly amount: bigint
  readonly booked: { sender: number; receiver: number }
  named: boolean
}

class World {
  readonly clock: TestClock = testClock()
  readonly packets = new Map<string, Packet>()
}

class End {
  readonly plugin: PluginV2
  committed = 0n
  readonly #world: World
  readonly #random: Random
  readonly #name: string
  #count = 0

  constructor(world: World, inner: PluginV2, name: string, seed: number, rates: ChaosRates, stack: Stack) {
    this.#world = world
    this.#name = name
    this.#random = new Random(seed)
    const list = stack((middleware) => [this.#wireTap(), middleware, this.#hostTap()])
    const { clock } = world
    this.plugin = wrap(inner, [chaos({ seed, outgoing: rates, incoming: rates }), ...list], { clock, log: SILENT })
    this.plugin.on('error', () => {})
    this.plugin.registerDataHandler((data) => this.#handle(data))
    this.plugin.registerMoneyHandler(() => Promise.resolve())
    events(this.plugin).subscribe((event) => {
      const destination = 'destination' in event ? event.destination : undefined
      const packet = destination === undefined ? undefined : world.packets.get(destination)
      if (packet !== undefined && isNaming(event)) packet.named = true
    })
  }

  /** What balance sees of the peer. */
  #wireTap(): Middleware {
    return defineMiddleware({ name: 'wire-tap', place: { outgoing: 'any' } }, () => ({
      sendData: (data, next) => {
        const answer = next(data)
        answer.then(
          (reply) => {
            this.#book(data, reply, 'sender')
          },
          () => undefined
        )
        return answer
      },
      sendMoney: async (amount, next) => {
        this.committed += BigInt(amount)
        try {
          await next(amount)
        } catch (error) {
          if (errorOutcome(error) !== 'ambiguous') this.committed -= BigInt(amount)
          throw error
        }
      }
    }))
  }

  /** What balance sees of the host. */
  #hostTap(): Middleware {
    return defineMiddleware({ name: 'host-tap', place: { incoming: 'any' } }, () => ({
      handleData: (data, next) => {
        const answer = next(data)
        answer.then(
          (reply) => {
            this.#book(data, reply, 'receiver')
          },
          () => undefined
        )
        return answer
      },
      handleMoney: async (amount, next) => {
        await next(amount)
        this.committed -= BigInt(amount)
      }
    }))
  }

  #book(data: Buffer, reply: Buffer, side: 'sender' | 'receiver'): void {
    const expiresAt = prepareExpiresAt(data) as number
    if (!isFulfill(reply) || this.#world.clock.now() >= expiresAt) return
    const amount = prepareAmount(data) as bigint
    this.committed += side === 'sender' ? -amount : amount
    const packet = this.#world.packets.get(prepareDestination(data) as string) as Packet
    packet.booked[side] += 1
  }

  async #handle(data: Buffer): Promise<Buffer> {
    const { committed, holdsIn } = this.snapshot()
    expect(committed + holdsIn).toBeLessThanOrEqual(LIMIT)
    expect(data[0]).toBe(12)
    const plan = this.#random.next()
    if (plan < 0.2) await new Promise((resolve) => this.#world.clock.setTimeout(resolve as () => void, plan * 10_000))
    if (plan < 0.7) return fulfill()
    if (plan < 0.85) return rejectPacket('F99')
    if (plan < 0.95) throw new Error('the host failed')
    return new Promise(() => undefined)
  }

  step(): void {
    const random = this.#random
    if (random.next() < 0.1) {
      this.plugin.sendMoney(String(1 + random.below(50))).catch(() => undefined)
      return
    }
    const amount = BigInt(random.below(60))
    const destination = `test.${this.#name}.${++this.#count}`
    this.#world.packets.set(destination, { amount, booked: { sender: 0, receiver: 0 }, named: false })
    const expiresAt = this.#world.clock.now() + 200 + random.below(5_000)
    this.plugin.sendData(prepare({ amount, destination, expiresAt })).catch(() => undefined)
  }

  snapshot(): BalanceSnapshot {
    return balanceOf(this.plugin).snapshot() as BalanceSnapshot
  }

  check(): void {
    const { committed, holdsIn, holdsOut } = this.snapshot()
    expect(committed).toBe(this.committed)
    expect(holdsIn).toBeGreaterThanOrEqual(0n)
    expect(holdsOut).toBeGreaterThanOrEqual(0n)
  }
}

/** Whether it says of a packet that one end may have booked it and the other has not. */
function isNaming(event: PluginEvent): boolean {
  // the packet has expired while a later attempt was under way
  if (event.type === 'retry-abandoned') return event.outcome === 'expired'
  return ['packet-expired', 'late-fulfill', 'hold-expired', 'reply-rejected'].includes(event.type)
}

describe('the books are exact in', () => {
  it.each(stacks)('%s', { timeout: 120_000 }, async (title, stack) => {
    const world = new World()
    const { alice, bob } = loopbackPair({ clock: world.clock, reconnectMs: 20 })
    const rates = CHECKED.includes(title) ? ALL_RATES : RATES
    const ends = [new End(world, alice, 'a', 1, rates, stack), new End(world, bob, 'b', 2, rates, stack)]
    const random = new Random(3)
    await Promise.all(ends.map(({ plugin }) => plugin.connect()))
    for (let i = 0; i < STEPS; i++) {
      for (let burst = random.below(4); burst > 0; burst--) random.pick(ends).step()
      await world.clock.advance(random.below(100))
      for (const end of ends) end.check()
    }
    for (const { plugin } of ends) chaosOf(plugin).pause()
    await world.clock.advance(60_000)
    for (const end of ends) {
      end.check()
      expect(end.snapshot()).toMatchObject({ holdsIn: 0n, holdsOut: 0n })
    }
    let fulfilled = 0
    for (const [destination, { amount, booked, named }] of world.packets) {
      expect(Math.max(booked.sender, booked.receiver), destination).toBeLessThanOrEqual(1)
      if (amount > 0n && !named) expect(booked.sender, destination).toBe(booked.receiver)
      fulfilled += booked.sender
    }
    // a course in which nothing passes proves nothing
    expect(fulfilled).toBeGreaterThan(50)
    await Promise.all(ends.map(({ plugin }) => plugin.disconnect()))
    await world.clock.advance(60_000)
    expect(world.clock.pending).toBe(0)
  })
})
