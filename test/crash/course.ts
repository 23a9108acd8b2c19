import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { balance, memoryLedger } from '@ilp-wrap/balance'
import type { BalanceLedger, LedgerObserver, LedgerStore, PacketEntry } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import type { PluginClass, PluginV2 } from '@ilp-wrap/core'
import { isFulfill, prepareAmount } from '@ilp-wrap/core/packet'
import { Random, fulfill, prepare, rejectPacket } from '@ilp-wrap/testing'
import btp from 'ilp-plugin-btp'
import { freePort } from '../../packages/ilp-wrap/src/demo/link.js'

/**
 * A process that is killed at random points while it carries packets, and its peer, which lives on and knows what it was
 * given. After each kill the store must say what the peer knows: each fulfill that was passed on is booked once, what
 * else is booked is listed, and what the lists name is all that the two ends differ by.
 */

// CommonJS, whose types say that it has a `default`
const PluginBtp = btp as unknown as PluginClass

const child = fileURLToPath(new URL('../children/crash.js', import.meta.url))
const IN_FLIGHT = 20
const LIFE_MS = 30_000
/** Longer than commits stay unconfirmed. */
const CONFIRMED_MS = 2_500

/** A store that outlasts its process. */
export interface CrashStore {
  /** What the child makes it of: its kind, and options that survive JSON. */
  readonly kind: string
  readonly options: object
  /** The store as a process finds it after the child is gone. */
  open(): LedgerStore
}

/** How a course went. */
export interface CrashReport {
  kills: number
  /** Kills before the child had connected. */
  early: number
  /** Fulfills that were passed on: to the peer, and to the child's host. */
  passedToPeer: number
  passedToHost: number
  /** Commits that were listed, and how many of them had been passed on all the same. */
  unconfirmed: number
  unconfirmedPassed: number
  /** Outgoing holds that were listed, and how many of them the peer had fulfilled. */
  lost: number
  lostFulfilled: number
  /** Lost holds that came to their expiry and were named. */
  expired: number
}

export class CrashCourse {
  readonly report: CrashReport = {
    kills: 0,
    early: 0,
    passedToPeer: 0,
    passedToHost: 0,
    unconfirmed: 0,
    unconfirmedPassed: 0,
    lost: 0,
    lostFulfilled: 0,
    expired: 0
  }
  readonly #store: CrashStore
  readonly #random: Random
  /** The peer's own books, which no kill reaches. */
  readonly #peerLedger = memoryLedger()
  /** The amounts of fulfills: that the peer was given, that it gave, and that the child's host was given. */
  readonly #gotByPeer = new Set<bigint>()
  readonly #givenByPeer = new Set<bigint>()
  readonly #gotByHost = new Set<bigint>()
  /** Ids of lost holds that were listed. */
  readonly #listed = new Set<string>()
  #sent = 0n
  #round = 0

  constructor(store: CrashStore, seed: number) {
    this.#store = store
    this.#random = new Random(seed)
  }

  async kill(): Promise<void> {
    this.#round++
    const before = [this.#gotByPeer.size, this.#gotByHost.size]
    await this.#killChild()
    this.report.kills++
    this.report.passedToPeer = this.#gotByPeer.size
    this.report.passedToHost = this.#gotByHost.size
    if (this.#gotByPeer.size === before[0] && this.#gotByHost.size === before[1]) this.report.early++
    await this.#check()
  }

  async #killChild(): Promise<void> {
    const port = await freePort()
    const inner = new PluginBtp({ listener: { port, secret: 'secret' }, responseTimeout: 1_000 })
    const peer = wrap(inner, [balance({ maximum: Infinity, ledger: this.#peerLedger })], { account: 'child' })
    // of ten kills two come while the child starts, and one when it has confirmed what it did first
    const starting = this.#round % 5 === 0
    const confirming = this.#round % 10 === 1
    const passed = 1 + this.#random.below(300)
    let alive = true
    let stop: () => void = () => undefined
    const stopped = new Promise<void>((resolve) => {
      stop = resolve
    })
    let count = 0
    const tick = (): void => {
      if (++count >= passed) stop()
    }
    peer.registerDataHandler(async (data) => {
      const amount = prepareAmount(data) as bigint
      await this.#pause()
      if (this.#random.below(10) === 0) return rejectPacket('F99')
      if (this.#givenByPeer.has(amount)) throw new Error(`a packet of ${amount} came twice`)
      this.#givenByPeer.add(amount)
      return fulfill()
    })
    const connected = peer.connect()
    // as a host does that does not wait: the next round has another plugin
    connected.catch(() => undefined)
    // amounts of the child differ from round to round
    const args = [this.#store.kind, JSON.stringify(this.#store.options), port, this.#round, this.#round * 100_000]
    const process_ = spawn(process.execPath, [child, ...args.map(String)], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe']
    })
    const journal = createInterface({ input: process_.stdio[3] as Readable })
    journal.on('line', (line) => {
      this.#gotByHost.add(BigInt(line))
      tick()
    })
    const ended = Promise.all([
      new Promise<void>((resolve) => process_.once('close', () => resolve())),
      new Promise<void>((resolve) => journal.once('close', () => resolve()))
    ])
    const failed = new Promise<void>((resolve) => process_.once('exit', () => resolve()))
    if (starting) {
      await Promise.race([sleep(this.#random.between(100, 1_200)), failed])
    } else {
      await Promise.race([connected, failed])
      for (let i = 0; i < IN_FLIGHT; i++) void this.#send(peer, () => alive, tick)
      if (confirming) await sleep(CONFIRMED_MS)
      await Promise.race([stopped, failed])
    }
    if (process_.exitCode !== null) throw new Error(`the child ended by itself with ${process_.exitCode}`)
    process_.kill('SIGKILL')
    await ended
    // what the child had handed to the system still arrives
    await sleep(100)
    alive = false
    await peer.disconnect()
  }

  async #send(peer: PluginV2, alive: () => boolean, tick: () => void): Promise<void> {
    while (alive()) {
      const amount = ++this.#sent
      try {
        const answer = await peer.sendData(prepare({ amount, expiresAt: Date.now() + LIFE_MS }))
        if (isFulfill(answer)) {
          this.#gotByPeer.add(amount)
          tick()
        }
      } catch {
        return // the child is gone
      }
      await this.#pause()
    }
  }

  async #pause(): Promise<void> {
    if (this.#random.below(4) === 0) await sleep(this.#random.below(10))
  }

  // ------------------------------------------------------------------------------------------------------------ the books

  async #check(): Promise<void> {
    const store = this.#store.open()
    try {
      const observer: LedgerObserver = {
        expired: () => {
          this.report.expired++
        },
        suspended: ({ id }) => {
          throw new Error(`no money was sent, but ${id} is suspended`)
        }
      }
      const ledger = await store.open('peer', observer)
      await this.#agrees(ledger)
      await this.#clear(ledger)
    } finally {
      await store.close()
    }
  }

  /** What is booked is what was passed on, once, and what is listed as unconfirmed. */
  async #agrees(ledger: BalanceLedger): Promise<void> {
    const { committed } = await ledger.snapshot()
    const { unconfirmed, holds } = await ledger.outstanding()
    const booked = [new Set(this.#gotByPeer), new Set(this.#gotByHost)] as const
    for (const { direction, amount } of unconfirmed) {
      const passed = booked[direction === 'in' ? 0 : 1]
      this.report.unconfirmed++
      if (passed.has(amount)) this.report.unconfirmedPassed++
      passed.add(amount)
    }
    equal(committed, sum(booked[0]) - sum(booked[1]), 'what is booked')
    // the peer gave no fulfill that is neither booked nor listed
    for (const hold of holds) this.#list(hold)
    for (const amount of this.#givenByPeer) {
      if (!booked[1].has(amount) && !this.#lost.has(amount)) throw new Error(`${amount} is neither booked nor listed`)
    }
    const differing =
      sum([...booked[0]].filter((amount) => !this.#gotByPeer.has(amount))) +
      sum([...this.#givenByPeer].filter((amount) => !booked[1].has(amount)))
    equal(committed + (await this.#peerBalance()), differing, 'what the two ends differ by')
  }

  /** Amounts of lost holds. */
  readonly #lost = new Set<bigint>()

  #list({ id, direction, amount }: PacketEntry): void {
    if (direction === 'in') throw new Error(`the incoming hold ${id} was not released`)
    if (this.#listed.has(id)) return
    this.#listed.add(id)
    this.#lost.add(amount)
    this.report.lost++
  }

  async #peerBalance(): Promise<bigint> {
    const peer = await this.#peerLedger.open('child')
    return (await peer.snapshot()).committed
  }

  /** Does what an operator does with the lists; then the two ends agree. */
  async #clear(ledger: BalanceLedger): Promise<void> {
    for (const { id, direction, amount } of (await ledger.outstanding()).unconfirmed) {
      const passed = direction === 'out' || this.#gotByPeer.has(amount)
      await ledger.resolve(id, passed ? 'sent' : 'not-sent')
      // whatever its host knows of it, it is booked
      if (direction === 'out') this.#gotByHost.add(amount)
    }
    for (const amount of this.#lost) {
      if (!this.#givenByPeer.has(amount) || this.#gotByHost.has(amount)) continue
      this.report.lostFulfilled++
      await ledger.move(`lost ${amount}`, -amount, 'adjust')
      this.#gotByHost.add(amount)
    }
    const { committed } = await ledger.snapshot()
    equal(committed + (await this.#peerBalance()), 0n, 'what the two ends differ by after the lists are cleared')
  }
}

function equal(got: bigint, expected: bigint, what: string): void {
  if (got !== expected) throw new Error(`${what}: got ${got}, expected ${expected}`)
}

function sum(amounts: Iterable<bigint>): bigint {
  let total = 0n
  for (const amount of amounts) total += amount
  return total
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
