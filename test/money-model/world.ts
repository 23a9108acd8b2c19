import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { balance, balanceOf } from '@ilp-wrap/balance'
import type { BalanceHandle, BalanceSnapshot } from '@ilp-wrap/balance'
import { defineMiddleware, errorOutcome, events, wrap } from '@ilp-wrap/core'
import type { Direction, Middleware, PluginEvent, PluginV2 } from '@ilp-wrap/core'
import { isFulfill, prepareDestination, rejectCode } from '@ilp-wrap/core/packet'
import { Random, chaos, chaosOf, fulfill, loopbackPair, prepare, rejectPacket, testClock } from '@ilp-wrap/testing'
import type { ChaosRates, Loopback, TestClock } from '@ilp-wrap/testing'
import { validateFulfillment } from '@ilp-wrap/validate-fulfillment'
import { Books, Leg } from './books.js'

export const LIMIT = 5_000n
export const THRESHOLD = -800n

/** What a host does with a packet or with money. */
export type Plan = 'accept' | 'refuse' | 'throw' | 'later' | 'never'

interface Packet {
  readonly amount: bigint
  readonly expiresAt: number
  readonly plan: Plan
  readonly sender: Leg
  readonly receiver: Leg
}

interface Payment {
  readonly amount: bigint
  /** What the other host made of it: it never saw it, has it still, took it, or threw. */
  host: 'absent' | 'has it' | 'took it' | 'threw'
}

/** Something that a host has not answered yet. */
interface Pending {
  settle(how: 'accept' | 'refuse' | 'throw'): void
}

/** What chaos does at each end, in both directions. It does not double packets: a peer counts a second one, too. */
const RATES: ChaosRates = {
  delay: 0.2,
  delayAnswer: 0.2,
  reorder: 0.05,
  cut: 0.002,
  reject: 0.05,
  drop: 0.01,
  dropAnswer: 0.01,
  throw: 0.05,
  late: 0.02,
  twice: 0.05,
  wrong: 0.02,
  failMoney: 0.1,
  loseMoney: 0.1
}

/**
 * Two ends that owe each other, joined by a link that does all that links do, and beside each the books that it should
 * have. What is expected is derived from what the hosts see and do, and from the rules of the README alone.
 */
export class World {
  readonly clock: TestClock = testClock()
  readonly random: Random
  readonly link: Loopback
  readonly ends: readonly [End, End]
  readonly packets = new Map<string, Packet>()
  /** Which payment is on its way: money has no name on the wire. */
  readonly paying = new AsyncLocalStorage<Payment>()
  /** How often each kind of event came. */
  readonly seen = new Map<string, number>()
  /** Money that its sender was told to take for sent and that its receiver could not book. */
  lostMoney = 0n
  #count = 0
  readonly #faults: string[] = []

  constructor(seed: number) {
    this.random = new Random(seed)
    const { alice, bob, link } = loopbackPair({ clock: this.clock, reconnectMs: 20 })
    this.link = link
    this.ends = [new End(this, alice, 'a', seed), new End(this, bob, 'b', seed + 1)]
  }

  async start(): Promise<void> {
    for (const end of this.ends) await end.plugin.connect()
  }

  other(end: End): End {
    return end === this.ends[0] ? this.ends[1] : this.ends[0]
  }

  packet(from: End, amount: bigint, expiresAt: number, plan: Plan): { packet: Packet; destination: string } {
    const destination = `test.${from.name}.${++this.#count}`
    const packet = {
      amount,
      expiresAt,
      plan,
      sender: new Leg(from.books, 'out', amount),
      receiver: new Leg(this.other(from).books, 'in', amount)
    }
    this.packets.set(destination, packet)
    return { packet, destination }
  }

  /**
   * Asserts where a throw would not reach the test: what a host, a middleware or an observer throws is a thing that
   * happens to plugins. `check` throws the first of them.
   */
  assert(holds: boolean, what: string): void {
    if (!holds) this.#faults.push(what)
  }

  /** How many packets were sent. */
  get sent(): number {
    return this.#count
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Lets all promises run, and compares both ends with their books. */
  async check(): Promise<void> {
    await this.clock.advance(0)
    for (const end of this.ends) end.check()
    assert.deepEqual(this.#faults, [])
  }

  /** Ends all that is under way, and draws the sum. */
  async finish(): Promise<void> {
    for (const end of this.ends) {
      chaosOf(end.plugin).pause()
      end.patient = false
      await end.plugin.connect()
    }
    for (let round = 0; round < 20; round++) {
      await this.clock.advance(20_000)
      for (const end of this.ends) {
        end.answer(Infinity, 'accept')
        await this.clock.advance(0)
        await end.resolve()
      }
      await this.check()
    }
    for (const end of this.ends) end.assertQuiet()
    this.#assertSum()
    for (const end of this.ends) await end.plugin.disconnect()
    await this.clock.advance(60_000)
    assert.equal(this.clock.pending, 0, 'timers are left')
  }

  /** The balances add up to what events have named, to the unit. */
  #assertSum(): void {
    let unpaid = 0n
    for (const [destination, { amount, sender, receiver }] of this.packets) {
      const [paid, earned] = [sender.state === 'booked', receiver.state === 'booked']
      if (paid === earned || amount === 0n) continue
      assert(paid ? receiver.named : sender.named, `${destination} is in the books of one end, and no event named it`)
      unpaid += paid ? -amount : amount
    }
    const [a, b] = this.ends.map((end) => end.snapshot().committed) as [bigint, bigint]
    assert.equal(a + b, unpaid + this.lostMoney)
  }
}

/** One host, its plugin, and what its books should be. */
export class End {
  readonly name: string
  readonly plugin: PluginV2
  readonly books = new Books(LIMIT, -LIMIT)
  /** Whether its host takes its time. */
  patient = true
  readonly #world: World
  readonly #handle: BalanceHandle
  readonly #pending: Pending[] = []
  /** Money that the host itself is sending. */
  readonly #own: bigint[] = []
  /** Money of which this end does not know whether it arrived. */
  readonly #unknown: Payment[] = []

  constructor(world: World, inner: PluginV2, name: string, seed: number) {
    this.name = name
    this.#world = world
    const middleware = [
      chaos({
        seed,
        outgoing: RATES,
        incoming: RATES,
        cut: () => {
          world.link.lose()
        }
      }),
      this.#tap(),
      validateFulfillment(),
      balance({ maximum: LIMIT, minimum: -LIMIT, settleThreshold: THRESHOLD, settleTo: -100n, cooldownMs: 200 })
    ]
    this.plugin = wrap(inner, middleware, { account: name, clock: world.clock, log: SILENT })
    this.#handle = balanceOf(this.plugin)
    this.plugin.on('error', () => {})
    this.plugin.registerDataHandler((data) => this.#receive(data))
    this.plugin.registerMoneyHandler(() => this.#take())
    events(this.plugin).subscribe((event) => {
      this.#hear(event)
    })
  }

  // ------------------------------------------------------------------------------------------------------------- packets

  send(amount: bigint, expiresInMs: number, plan: Plan): void {
    const { clock } = this.#world
    const expiresAt = clock.now() + expiresInMs
    const { packet, destination } = this.#world.packet(this, amount, expiresAt, plan)
    const { committed, holdsOut, minimum } = this.books
    // a packet of nothing touches no books, whatever stands in them
    const fits = amount === 0n || committed - holdsOut - amount >= minimum
    const answer = this.plugin.sendData(prepare({ amount, expiresAt, destination }))
    if (fits) packet.sender.hold()
    this.check()
    answer.then(
      (reply) => {
        if (!fits) {
          this.#world.assert(rejectCode(reply) === 'T04', `${destination} was over the minimum, and was not refused`)
          this.#world.assert(packet.receiver.state === 'none', `${destination} was over the minimum, and was sent`)
          return
        }
        if (isFulfill(reply) && clock.now() < expiresAt) packet.sender.book()
        else packet.sender.release()
      },
      (error: unknown) => {
        if (errorOutcome(error) !== 'ambiguous') packet.sender.release()
      }
    )
  }

  /** Sends what just fits, and a unit more than fits, by the books of either end. */
  fill(expiresInMs: number, plan: Plan): void {
    const { committed, holdsIn, maximum } = this.#world.other(this).books
    const room = maximum - committed - holdsIn
    for (const amount of [room + 1n, room]) if (amount > 0n) this.send(amount, expiresInMs, plan)
    const left = this.books.committed - this.books.holdsOut - this.books.minimum
    for (const amount of [left + 1n, left, 1n]) if (amount > 0n) this.send(amount, expiresInMs, plan)
  }

  async #receive(data: Buffer): Promise<Buffer> {
    const packet = this.#world.packets.get(prepareDestination(data) ?? '')
    if (packet === undefined) throw new Error('a packet that nobody sent')
    const { committed, holdsIn } = this.snapshot()
    this.#world.assert(packet.amount === 0n || committed + holdsIn <= this.books.maximum, 'a packet passed the maximum')
    packet.receiver.hold()
    return new Promise((resolve, reject) => {
      const settle = (how: 'accept' | 'refuse' | 'throw'): void => {
        if (how === 'accept' && this.#world.clock.now() < packet.expiresAt) packet.receiver.book()
        else packet.receiver.release()
        if (how === 'throw') reject(new Error('the host failed'))
        else resolve(how === 'accept' ? fulfill() : rejectPacket('F99'))
      }
      this.#follow(packet.plan, { settle })
    })
  }

  #follow(plan: Plan, pending: Pending): void {
    if (plan === 'later' && this.patient) this.#pending.push(pending)
    else if (plan !== 'never') pending.settle(plan === 'later' ? 'accept' : plan)
  }

  /** Answers up to `count` of what the host has put off, from either end of the queue. */
  answer(count: number, how: 'accept' | 'refuse' | 'throw'): void {
    for (let i = 0; i < count && this.#pending.length > 0; i++) {
      const pending = this.#world.random.next() < 0.5 ? this.#pending.shift() : this.#pending.pop()
      pending?.settle(how)
    }
  }

  // --------------------------------------------------------------------------------------------------------------- money

  pay(amount: bigint): void {
    this.#own.push(amount)
    this.plugin.sendMoney(amount.toString()).catch(() => undefined)
  }

  /** Between chaos and the books: sees what the books have sent, be it for the host or to settle. */
  #tap(): Middleware {
    return defineMiddleware({ name: 'tap', place: {} }, () => ({
      sendMoney: async (amount, next) => {
        const payment: Payment = { amount: BigInt(amount), host: 'absent' }
        const own = this.#own.indexOf(payment.amount)
        if (own === -1) this.#world.assert(this.snapshot().suspended.length === 0, 'settled while suspended')
        else this.#own.splice(own, 1)
        this.books.committed += payment.amount
        try {
          await this.#world.paying.run(payment, () => next(amount))
        } catch (error) {
          if (errorOutcome(error) === 'ambiguous') this.#unknown.push(payment)
          else this.books.committed -= payment.amount
          throw error
        }
      }
    }))
  }

  #take(): Promise<void> {
    const payment = this.#world.paying.getStore()
    if (payment === undefined) throw new Error('money that nobody sent')
    payment.host = 'has it'
    const plans: Plan[] = ['accept', 'accept', 'accept', 'throw', 'later']
    return new Promise((resolve, reject) => {
      const settle = (how: 'accept' | 'refuse' | 'throw'): void => {
        payment.host = how === 'accept' ? 'took it' : 'threw'
        if (how !== 'accept') {
          reject(new Error('the host failed'))
          return
        }
        this.books.committed -= payment.amount
        resolve()
      }
      this.#follow(this.patient ? this.#world.random.pick(plans) : 'accept', { settle })
    })
  }

  /** The operator asks the peer, and says what became of each payment that is suspended. */
  async resolve(): Promise<void> {
    const { suspended } = this.snapshot()
    assert.deepEqual(sorted(suspended), sorted(this.#unknown), 'what is suspended is not what is unknown')
    for (const { id, amount } of suspended) {
      const index = this.#unknown.findIndex((payment) => payment.amount === amount && payment.host !== 'has it')
      if (index === -1) continue
      const [payment] = this.#unknown.splice(index, 1) as [Payment]
      // money that came, and that the host failed to book, has moved all the same: `money-unbooked` has said so
      const arrived = payment.host !== 'absent'
      if (payment.host === 'threw') this.#world.lostMoney += amount
      if (!arrived) this.books.committed -= amount
      await this.#handle.resolve(arrived ? 'sent' : 'not-sent', id)
    }
  }

  // -------------------------------------------------------------------------------------------------------------- checks

  setLimits(maximum: bigint, minimum: bigint): void {
    this.books.maximum = maximum
    this.books.minimum = minimum
    this.#handle.setLimits({ maximum, minimum })
  }

  snapshot(): BalanceSnapshot {
    // its ledger is the one in memory, which answers at once
    return this.#handle.snapshot() as BalanceSnapshot
  }

  check(): void {
    const { committed, holdsIn, holdsOut } = this.snapshot()
    const { books } = this
    if (committed === books.committed && holdsIn === books.holdsIn && holdsOut === books.holdsOut) return
    assert.deepEqual(
      [committed, holdsIn, holdsOut],
      [books.committed, books.holdsIn, books.holdsOut],
      `balance and holds of ${this.name}`
    )
  }

  assertQuiet(): void {
    const { holdsIn, holdsOut, suspended } = this.snapshot()
    assert.deepEqual({ holdsIn, holdsOut, suspended }, { holdsIn: 0n, holdsOut: 0n, suspended: [] })
  }

  #hear(event: PluginEvent): void {
    this.#world.seen.set(event.type, (this.#world.seen.get(event.type) ?? 0) + 1)
    switch (event.type) {
      case 'packet-rejected': {
        // R00: it had expired on its way
        if (event.direction === 'outgoing' || event.amount === undefined || event.code === 'R00') return
        const { committed, holdsIn } = this.snapshot()
        this.#world.assert(committed + holdsIn + event.amount > this.books.maximum, 'a packet that fits was refused')
        return
      }
      case 'hold-expired': {
        const leg = this.#leg(event.direction, event.destination)
        this.#world.assert(leg.state === 'held', `${event.destination} expired, and was not held`)
        leg.release()
        leg.named = true
        return
      }
      case 'late-fulfill': {
        const leg = this.#leg(event.direction, event.destination)
        this.#world.assert(leg.state !== 'booked', `${event.destination} came late, and was booked`)
        leg.named = true
        return
      }
      default:
    }
  }

  #leg(direction: Direction, destination: string | undefined): Leg {
    const packet = this.#world.packets.get(destination ?? '')
    if (packet === undefined) throw new Error('a packet that nobody sent')
    return direction === 'outgoing' ? packet.sender : packet.receiver
  }
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function sorted(money: readonly { amount: bigint }[]): bigint[] {
  return money.map(({ amount }) => amount).sort((a, b) => (a < b ? -1 : Number(a > b)))
}
