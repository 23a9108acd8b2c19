import { defineMiddleware, handleOf } from '@ilp-wrap/core'
import type { ConnectOptions, Hooks, Middleware, Place, Setup } from '@ilp-wrap/core'
import { isPrepare, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { deferred } from '../deferred.js'
import type { Deferred } from '../deferred.js'
import { rejectPacket } from '../packets.js'
import { Random } from '../random.js'
import { chaosError, connectionError, moneyNotSent, timeoutError, wrongAnswer } from './doings.js'
import { Fortune } from './fortune.js'
import type { Plan } from './fortune.js'
import { Lane } from './lane.js'
import type { Direction } from './lane.js'
import { checkedOptions } from './options.js'
import type { ChaosOptions, Settings } from './options.js'
import { NO_RATES } from './rates.js'
import type { FullRates, Strike } from './rates.js'
import { Waiting } from './waiting.js'

declare module '@ilp-wrap/core' {
  interface PluginEvents {
    /** Chaos has done something to a packet, to money, or to the connection. */
    'chaos-struck': { direction: Direction; strike: Strike }
  }
}

/** The controls of a chaos layer. */
export interface ChaosHandle {
  readonly seed: number
  /** How often each thing was done so far. */
  readonly counts: Readonly<Record<Direction, Readonly<Record<Strike, number>>>>
  /** Lets everything pass from now on; what is under way goes its way. */
  pause(): void
  resume(): void
}

/**
 * Does to packets, money and the connection what real links do, by chance, but by a chance that a seed decides. It
 * stands first in the list, next to the wire.
 *
 * @throws InvalidFieldsError for a bad or unknown option
 */
export function chaos(options?: ChaosOptions): Middleware {
  const settings = checkedOptions(options)
  const place: Place = {
    ...(settings.incoming !== undefined && { incoming: 'wire' }),
    ...(settings.outgoing !== undefined && { outgoing: 'wire' })
  }
  return defineMiddleware({ name: 'chaos', place }, (setup) => new Chaos(settings, setup))
}

/** The controls of a stack's chaos. Throws a TypeError if it has none. */
export function chaosOf(plugin: object): ChaosHandle {
  const handle = handleOf(plugin, 'chaos')
  if (handle === undefined) throw new TypeError('Expected a plugin that is wrapped with chaos()')
  return handle as ChaosHandle
}

type Next<T, R> = (input: T) => Promise<R>

class Chaos implements Hooks {
  readonly handle: ChaosHandle
  readonly #settings: Settings
  readonly #setup: Setup
  readonly #outgoing: Lane
  readonly #incoming: Lane
  readonly #waiting: Waiting
  #paused = false
  /** How many packets are with the other side. */
  #inFlight = 0
  /** Outgoing packets wait here until the cut is done. */
  #gate: Deferred<void> | undefined
  #cutting = false
  /** Whether the host wants to be connected. */
  #wanted = true

  constructor(settings: Settings, setup: Setup) {
    this.#settings = settings
    this.#setup = setup
    const { seed, outgoing, incoming } = settings
    this.#outgoing = this.#lane('outgoing', outgoing, seed)
    // the directions are independent: what comes in does not change what becomes of what goes out
    this.#incoming = this.#lane('incoming', incoming, seed ^ 0x9e3779b9)
    this.#waiting = new Waiting(setup.clock)
    this.handle = {
      seed,
      counts: { outgoing: this.#outgoing.counts, incoming: this.#incoming.counts },
      pause: () => {
        this.#paused = true
      },
      resume: () => {
        this.#paused = false
      }
    }
  }

  sendData(data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    return this.#meet(this.#outgoing, this.#settings.outgoing, data, next)
  }

  handleData(data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    return this.#meet(this.#incoming, this.#settings.incoming, data, next)
  }

  async sendMoney(amount: string, next: Next<string, void>): Promise<void> {
    const { fate, detail } = this.#moneyFate(this.#outgoing, this.#settings.outgoing)
    if (fate === undefined) return next(amount)
    this.#strike(this.#outgoing, fate)
    if (fate === 'failMoney') throw moneyNotSent()
    if (detail < 0.5) await next(amount)
    throw chaosError('ambiguous')
  }

  async handleMoney(amount: string, next: Next<string, void>): Promise<void> {
    const { fate } = this.#moneyFate(this.#incoming, this.#settings.incoming)
    // an error tells the peer that nothing was booked: once the host has booked it, it must not be told so
    if (fate !== 'failMoney') return next(amount)
    this.#strike(this.#incoming, fate)
    throw moneyNotSent()
  }

  connect(options: ConnectOptions | undefined, next: Next<ConnectOptions | undefined, void>): Promise<void> {
    this.#wanted = true
    return next(options)
  }

  disconnect(next: () => Promise<void>): Promise<void> {
    this.#wanted = false
    const done = next()
    this.dispose()
    return done
  }

  dispose(): void {
    this.#wanted = false
    this.#openGate()
    this.#waiting.breakOff()
  }

  #lane(direction: Direction, rates: FullRates | undefined, seed: number): Lane {
    return new Lane(direction, new Fortune(rates ?? NO_RATES, new Random(seed), this.#settings.delayMs))
  }

  #moneyFate(lane: Lane, rates: FullRates | undefined): ReturnType<Fortune['money']> {
    return this.#paused || rates === undefined ? NO_FATE : lane.fortune.money()
  }

  #strike(lane: Lane, strike: Strike): void {
    lane.counts[strike]++
    const { events, emit } = this.#setup
    if (events.observed) emit({ type: 'chaos-struck', direction: lane.direction, strike })
  }

  // ---------------------------------------------------------------------------------------------------------- packets

  #meet(lane: Lane, rates: FullRates | undefined, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    const spared = this.#paused || rates === undefined || this.#settings.spare?.(data) === true
    return spared ? this.#pass(lane, data, next) : this.#strikeAt(lane, data, next)
  }

  async #strikeAt(lane: Lane, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    const plan = lane.fortune.plan(isPrepare(data))
    if (plan.cut) this.#requestCut(lane)
    if (plan.delayMs > 0) {
      this.#strike(lane, 'delay')
      await this.#waiting.sleep(plan.delayMs, () => connectionError(false))
    }
    if (plan.reorder) {
      this.#strike(lane, 'reorder')
      await this.#stepAside(lane)
    }
    if (lane === this.#outgoing && this.#gate !== undefined) await this.#gate.promise
    const answer = await this.#decide(lane, plan, data, next)
    if (plan.delayAnswerMs > 0) {
      this.#strike(lane, 'delayAnswer')
      await this.#waiting.sleep(plan.delayAnswerMs, () => connectionError(true))
    }
    return answer
  }

  #decide(lane: Lane, plan: Plan, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    const { fate, detail } = plan
    if (fate === undefined) return this.#pass(lane, data, next)
    this.#strike(lane, fate)
    switch (fate) {
      case 'reject':
        return Promise.resolve(rejectPacket({ code: at(this.#settings.rejectCodes, detail), message: 'chaos' }))
      case 'drop':
        return this.#silence(lane)
      case 'dropAnswer':
        ignore(this.#pass(lane, data, next))
        return this.#silence(lane)
      case 'duplicate': {
        const answer = this.#pass(lane, data, next)
        ignore(this.#pass(lane, data, next))
        return answer
      }
      case 'throw':
        return this.#throw(lane, detail, data, next)
      case 'wrong':
        return Promise.resolve(wrongAnswer(detail))
      case 'late':
        return this.#late(lane, data, next)
      case 'twice':
        return new Promise((resolve, reject) => {
          this.#pass(lane, data, next).then((answer) => {
            resolve(answer)
            resolve(rejectPacket({ code: 'T00', message: 'chaos: a second answer' }))
          }, reject)
        })
    }
  }

  #pass(lane: Lane, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    this.#inFlight++
    const answer = next(data)
    const done = (): void => {
      this.#inFlight--
      if (this.#inFlight === 0) this.#cutIfDue()
    }
    answer.then(done, done)
    lane.passed()
    return answer
  }

  async #stepAside(lane: Lane): Promise<void> {
    await Promise.race([lane.stepAside(), this.#waiting.sleep(this.#settings.reorderMs, () => connectionError(false))])
  }

  async #silence(lane: Lane): Promise<Buffer> {
    // what the inner plugin made of an error here, the peer would take for a refusal of what the host may have taken
    if (lane === this.#incoming) return new Promise<Buffer>(() => undefined)
    const { timeoutMs } = this.#settings
    await this.#waiting.sleep(timeoutMs, () => connectionError(true))
    throw timeoutError(timeoutMs)
  }

  async #throw(lane: Lane, detail: number, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    const { throwAs } = this.#settings
    const kind = at(throwAs, detail)
    // the other side has it every second time, so that nobody can rely on either
    const fraction = (detail * throwAs.length) % 1
    if (kind === 'ambiguous' && lane === this.#outgoing && fraction < 0.5) {
      await this.#pass(lane, data, next).catch(() => undefined)
    }
    throw chaosError(kind)
  }

  async #late(lane: Lane, data: Buffer, next: Next<Buffer, Buffer>): Promise<Buffer> {
    const { clock } = this.#setup
    // nothing but a prepare has this fate
    const due = (prepareExpiresAt(data) as number) + this.#settings.lateMs
    try {
      return await this.#pass(lane, data, next)
    } finally {
      const ms = due - clock.now()
      if (ms > 0) await this.#waiting.sleep(ms, () => connectionError(true))
    }
  }

  // ------------------------------------------------------------------------------------------------------- connection

  /** Outgoing packets wait from here on; the connection is cut once none is on its way. */
  #requestCut(lane: Lane): void {
    if (this.#cutting || this.#gate !== undefined) return
    this.#strike(lane, 'cut')
    this.#gate = deferred()
    if (this.#inFlight === 0) {
      this.#cutIfDue()
      return
    }
    this.#waiting
      .sleep(this.#settings.drainMs, () => connectionError(false))
      .then(
        () => this.#openGate(),
        () => undefined
      )
  }

  #openGate(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  #cutIfDue(): void {
    if (this.#gate === undefined || this.#cutting) return
    this.#cutting = true
    this.#cut()
      .catch((error: unknown) => {
        if (this.#wanted) this.#setup.log.warn('chaos could not cut the connection: %O', error)
      })
      .finally(() => {
        this.#cutting = false
        this.#openGate()
      })
  }

  async #cut(): Promise<void> {
    const { plugin } = this.#setup
    const { cut, downMs } = this.#settings
    if (cut !== undefined) {
      await cut(plugin)
      return
    }
    await plugin.disconnect()
    this.#openGate()
    do await this.#waiting.sleep(downMs, () => connectionError(true))
    while (this.#wanted && !(await this.#reconnected()))
  }

  async #reconnected(): Promise<boolean> {
    try {
      await this.#setup.plugin.connect()
      return true
    } catch {
      return false
    }
  }
}

const NO_FATE = { fate: undefined, detail: 0 } as const

function at<T>(list: readonly T[], detail: number): T {
  return list[Math.floor(detail * list.length)] as T
}

function ignore(promise: Promise<unknown>): void {
  promise.catch(() => undefined)
}
