import {
  DataHandlerAlreadyRegisteredError,
  Deadline,
  Deadlines,
  InvalidFieldsError,
  MAX_TIMEOUT_MS,
  MoneyHandlerAlreadyRegisteredError,
  MoneyNotSentError,
  NotAcceptedError,
  TimeoutError,
  UnreachableError
} from '@ilp-wrap/core'
import type { Clock, ConnectOptions, DataHandler, MoneyHandler, Timer } from '@ilp-wrap/core'
import { deferred } from './deferred.js'
import type { Loopback } from './loopback.js'

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

/** What a plugin on a loopback does, but for being an event emitter. */
export class LoopbackEnd {
  readonly #link: Loopback
  readonly #emit: (event: 'connect' | 'disconnect') => void
  readonly #requests = new Set<Request>()
  readonly #deadlines: Deadlines
  #connected = false
  #dial: Dial | undefined
  #reconnect: Timer | undefined
  #dataHandler: DataHandler | undefined
  #moneyHandler: MoneyHandler | undefined

  constructor(link: Loopback, emit: (event: 'connect' | 'disconnect') => void) {
    this.#link = link
    this.#emit = emit
    this.#deadlines = new Deadlines(link.clock)
    if (!link.join(this)) throw new InvalidFieldsError('Expected a `link` with an end that is free')
  }

  // ------------------------------------------------------------------------------------------------------- connection

  async connect(options?: ConnectOptions): Promise<void> {
    const timeoutMs = timeoutOf(options)
    this.#stopReconnecting()
    await this.#open(timeoutMs)
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a listener's throw is to become a rejection
  async disconnect(): Promise<void> {
    this.#stopReconnecting()
    this.#dial?.end(new UnreachableError('disconnect() was called while connecting'))
    this.#dial = undefined
    if (this.#connected) this.#down()
  }

  isConnected(): boolean {
    return this.#connected
  }

  lose(): void {
    if (!this.#connected) return
    this.#scheduleReconnect()
    this.#down()
  }

  async #open(timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS): Promise<void> {
    if (this.#connected) return
    const dial = (this.#dial ??= this.#startDial())
    await dial.wait(this.#link.clock, timeoutMs, () => {
      this.#dial = undefined
    })
  }

  #startDial(): Dial {
    const dial = new Dial()
    dial.timer = this.#link.travel(this.#link.connectMs, () => {
      const { reception } = this.#link
      if (this.#dial !== dial || reception === 'silence') return
      this.#dial = undefined
      if (reception === 'refused') {
        dial.end(new NotAcceptedError('The peer refused the connection'))
        return
      }
      this.#connected = true
      this.#deadlines.open()
      try {
        this.#emit('connect')
        dial.succeed()
      } catch (error) {
        dial.end(error)
      }
    })
    return dial
  }

  #down(): void {
    this.#connected = false
    this.#failRequests()
    this.#deadlines.close()
    const peer = this.#link.across(this)
    if (peer !== undefined) peer.#failRequests()
    this.#emit('disconnect')
  }

  #failRequests(): void {
    for (const request of this.#requests) request.fail(new UnreachableError('The connection was lost'))
  }

  #scheduleReconnect(): void {
    const { clock, reconnectMs } = this.#link
    if (reconnectMs === undefined) return
    const timer = clock.setTimeout(() => {
      this.#open().catch(() => {
        // whoever called connect or disconnect in the meantime has taken over
        if (this.#reconnect === timer) this.#scheduleReconnect()
      })
    }, reconnectMs)
    this.#reconnect = timer
  }

  #stopReconnecting(): void {
    if (this.#reconnect !== undefined) this.#link.clock.clearTimeout(this.#reconnect)
    this.#reconnect = undefined
  }

  // --------------------------------------------------------------------------------------------------- data and money

  async sendData(data: Buffer): Promise<Buffer> {
    if (!Buffer.isBuffer(data)) throw new InvalidFieldsError('Expected `data` to be a Buffer')
    if (!this.#connected) throw notSent('Not connected')
    // the wire carries bytes, not objects
    const copy = Buffer.from(data)
    return this.#request((peer) => peer.#receiveData(copy), notSent)
  }

  async sendMoney(amount: string): Promise<void> {
    if (typeof amount !== 'string' || !/^[1-9][0-9]*$/.test(amount)) {
      throw new InvalidFieldsError('Expected `amount` to be a string of decimal digits, above zero')
    }
    if (!this.#connected) throw moneyNotSent('Not connected')
    return this.#request((peer) => peer.#receiveMoney(amount), moneyNotSent)
  }

  #request<T>(deliver: (peer: LoopbackEnd) => Promise<T>, unsent: (message: string) => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const link = this.#link
      const at = link.clock.now() + link.responseTimeoutMs
      const request = new Request(at, link, reject, () => {
        this.#requests.delete(request)
        this.#deadlines.delete(request)
      })
      this.#requests.add(request)
      this.#deadlines.add(request)
      const back = (settle: () => void): void => {
        if (!this.#requests.has(request)) return
        request.timer = link.travel(link.latencyMs, () => {
          if (!this.#requests.has(request)) return
          request.end()
          settle()
        })
      }
      request.timer = link.travel(link.latencyMs, () => {
        if (!this.#requests.has(request)) return
        const peer = link.across(this)
        if (peer?.isConnected() !== true) {
          request.fail(unsent('The peer is not connected'))
          return
        }
        deliver(peer).then(
          (answer) => back(() => resolve(answer)),
          (error: unknown) => back(() => reject(error))
        )
      })
    })
  }

  async #receiveData(data: Buffer): Promise<Buffer> {
    const answer: unknown = await this.#handle('data', this.#dataHandler, data)
    if (!Buffer.isBuffer(answer)) throw new NotAcceptedError('The peer answered with no Buffer')
    return Buffer.from(answer)
  }

  async #receiveMoney(amount: string): Promise<void> {
    await this.#handle('money', this.#moneyHandler, amount)
  }

  async #handle<T>(what: string, handler: ((input: T) => unknown) | undefined, input: T): Promise<unknown> {
    if (handler === undefined) throw new NotAcceptedError(`The peer has no ${what} handler`)
    try {
      return await handler(input)
    } catch (error) {
      throw new NotAcceptedError(`The peer could not handle the ${what}`, { cause: error })
    }
  }

  // --------------------------------------------------------------------------------------------------------- handlers

  registerDataHandler(handler: DataHandler): void {
    if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
    if (this.#dataHandler !== undefined) {
      throw new DataHandlerAlreadyRegisteredError('A data handler is registered already')
    }
    this.#dataHandler = handler
  }

  deregisterDataHandler(): void {
    this.#dataHandler = undefined
  }

  registerMoneyHandler(handler: MoneyHandler): void {
    if (typeof handler !== 'function') throw new InvalidFieldsError('Expected `handler` to be a function')
    if (this.#moneyHandler !== undefined) {
      throw new MoneyHandlerAlreadyRegisteredError('A money handler is registered already')
    }
    this.#moneyHandler = handler
  }

  deregisterMoneyHandler(): void {
    this.#moneyHandler = undefined
  }
}

/** One connection being made, for all who wait for it. */
class Dial {
  timer: Timer | undefined
  readonly succeed: () => void
  readonly end: (error: unknown) => void
  readonly #promise: Promise<void>
  #waiting = 0

  constructor() {
    const { promise, resolve, reject } = deferred()
    this.#promise = promise
    this.succeed = resolve
    this.end = reject
  }

  /** Waits at most `timeoutMs`. When nobody waits any longer, the connection is given up. */
  async wait(clock: Clock, timeoutMs: number, giveUp: () => void): Promise<void> {
    this.#waiting++
    const { promise: timeout, reject } = deferred<never>()
    const timer = clock.setTimeout(
      () => reject(new TimeoutError(`No connection within ${timeoutMs} ms`)),
      Math.min(timeoutMs, MAX_TIMEOUT_MS)
    )
    // for ever is longer than a timer can wait
    if (timeoutMs > MAX_TIMEOUT_MS) clock.clearTimeout(timer)
    try {
      await Promise.race([this.#promise, timeout])
    } catch (error) {
      if (error instanceof TimeoutError && this.#waiting === 1) {
        if (this.timer !== undefined) clock.clearTimeout(this.timer)
        giveUp()
      }
      throw error
    } finally {
      this.#waiting--
      clock.clearTimeout(timer)
    }
  }
}

/** One request that waits for its answer. */
class Request extends Deadline {
  timer: Timer | undefined
  readonly #link: Loopback
  readonly #reject: (error: Error) => void
  readonly #forget: () => void

  constructor(at: number, link: Loopback, reject: (error: Error) => void, forget: () => void) {
    super(at)
    this.#link = link
    this.#reject = reject
    this.#forget = forget
  }

  override expire(): void {
    this.fail(new TimeoutError(`No answer within ${this.#link.responseTimeoutMs} ms`))
  }

  fail(error: Error): void {
    this.end()
    this.#reject(error)
  }

  end(): void {
    if (this.timer !== undefined) this.#link.clock.clearTimeout(this.timer)
    this.#forget()
  }
}

function timeoutOf(options: unknown): number {
  if (options === undefined) return DEFAULT_CONNECT_TIMEOUT_MS
  if (typeof options !== 'object' || options === null) throw new TypeError('Expected `options` to be an object')
  const { timeout } = options as { timeout?: unknown }
  if (timeout === undefined) return DEFAULT_CONNECT_TIMEOUT_MS
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) throw new TypeError('Expected `timeout` to be a number')
  return timeout === 0 ? DEFAULT_CONNECT_TIMEOUT_MS : timeout
}

/** Nothing left this side; the mark is what retries go by. */
function notSent(message: string): Error {
  return Object.assign(new UnreachableError(message), { notSent: true })
}

function moneyNotSent(message: string): Error {
  return new MoneyNotSentError(message)
}
