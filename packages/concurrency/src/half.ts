import { Deadlines, UnreachableError } from '@ilp-wrap/core'
import type { Direction, Setup } from '@ilp-wrap/core'
import { prepareAmount, prepareDestination, prepareExpiresAt, reject } from '@ilp-wrap/core/packet'
import { BusyError } from './errors.js'
import { Line } from './line.js'
import type { Config } from './options.js'
import { Slot, freeOnceSettled } from './slot.js'
import type { SlotOwner } from './slot.js'

type Next = (data: Buffer) => Promise<Buffer>

/** What `concurrencyOf(plugin)?.snapshot()` tells of one direction. */
export interface HalfSnapshot extends Config {
  readonly inFlight: number
  /** How many wait, and base units they hold. */
  readonly waiting: number
  readonly waitingAmount: bigint
}

/** T03: "the connector is busy", a limit of its own that a later packet may not meet (RFC 0027, "Error Codes"). */
const BUSY = reject({ code: 'T03', message: 'Too many packets in flight' })

/** T01: with the connection gone, the packet can go nowhere, and time alone does not help. */
const GONE = reject({ code: 'T01', message: 'Disconnected while the packet was waiting' })

/** The limit of one plugin in one direction. */
export class Half implements SlotOwner {
  config: Config
  readonly #direction: Direction
  readonly #setup: Setup
  /** When slots become free at the latest. They guard no promise, so that the process need not wait for them. */
  readonly #expiries: Deadlines
  #inFlight = 0
  /** Made when the limit is reached first. */
  #line: Line | undefined

  constructor(direction: Direction, config: Config, setup: Setup) {
    this.config = config
    this.#direction = direction
    this.#setup = setup
    this.#expiries = new Deadlines(setup.clock, { ref: false })
  }

  pass(data: Buffer, next: Next): Promise<Buffer> {
    // who comes now stands behind those who wait
    if (this.#inFlight < this.config.limit && (this.#line?.count ?? 0) === 0) return this.#carry(data, next)
    return this.#wait(data, next)
  }

  free(slot: Slot): void {
    this.#expiries.delete(slot)
    this.#inFlight--
    this.#line?.look()
  }

  snapshot(): HalfSnapshot {
    return {
      ...this.config,
      inFlight: this.#inFlight,
      waiting: this.#line?.count ?? 0,
      waitingAmount: this.#line?.amount ?? 0n
    }
  }

  setConfig(config: Config): void {
    this.config = config
    this.#line?.look()
  }

  /** Answers all who wait. */
  cancel(): void {
    this.#line?.cancel()
  }

  /** Ends the timers as soon as nothing is in flight any more. */
  close(): void {
    this.#expiries.close()
    this.#line?.close()
  }

  open(): void {
    this.#expiries.open()
    this.#line?.open()
  }

  #carry(data: Buffer, next: Next): Promise<Buffer> {
    const slot = new Slot(prepareExpiresAt(data) ?? this.#setup.clock.now() + this.config.timeoutMs, this)
    this.#inFlight++
    this.#expiries.add(slot)
    const answer = next(data)
    freeOnceSettled(slot, answer)
    return answer
  }

  // ------------------------------------------------------------------------------------------------ the limit is reached

  #wait(data: Buffer, next: Next): Promise<Buffer> {
    if (!this.#setup.plugin.isConnected()) return this.#refuseAsGone(data)
    const line = (this.#line ??= new Line(() => this.#inFlight < this.config.limit, this.#setup.clock))
    const { maxQueued, maxQueuedAmount, maxWaitMs, marginMs } = this.config
    const amount = prepareAmount(data)
    const now = this.#setup.clock.now()
    const latest = Math.min(now + maxWaitMs, (prepareExpiresAt(data) ?? Infinity) - marginMs)
    if (latest <= now || line.count >= maxQueued) return this.#refuse(data)
    if (maxQueuedAmount !== undefined && line.amount + (amount ?? 0n) > maxQueuedAmount) return this.#refuse(data)
    // the host may use its Buffer again
    const copy = Buffer.from(data)
    return new Promise((resolve) => {
      line.join({
        amount: amount ?? 0n,
        latest,
        go: () => {
          resolve(this.#carry(copy, next))
        },
        refuse: () => {
          resolve(this.#refuse(copy))
        },
        cancel: () => {
          resolve(this.#refuseAsGone(copy))
        }
      })
      if (!this.#setup.events.observed) return
      const [direction, inFlight, waiting] = [this.#direction, this.#inFlight, line.count]
      this.#setup.emit({ type: 'slot-awaited', direction, amount, inFlight, waiting })
    })
  }

  #refuse(data: Buffer): Promise<Buffer> {
    this.#tell(data, 'T03')
    if (prepareAmount(data) === undefined) return Promise.reject(new BusyError('Too many requests in flight'))
    return Promise.resolve(Buffer.from(BUSY))
  }

  #refuseAsGone(data: Buffer): Promise<Buffer> {
    this.#tell(data, 'T01')
    if (prepareAmount(data) !== undefined) return Promise.resolve(Buffer.from(GONE))
    const error = new UnreachableError('Disconnected while the request was waiting', { code: 'ILP_WRAP_NOT_SENT' })
    return Promise.reject(Object.assign(error, { notSent: true }))
  }

  #tell(data: Buffer, code: string): void {
    if (!this.#setup.events.observed) return
    const [amount, destination] = [prepareAmount(data), prepareDestination(data)]
    this.#setup.emit({ type: 'packet-rejected', direction: this.#direction, code, amount, destination })
  }
}
