import { randomUUID } from 'node:crypto'
import { Deadline, NotAcceptedError, TimeoutError, UnreachableError } from '@ilp-wrap/core'
import type { DataHandler, MessageV1 } from '@ilp-wrap/core'
import { fulfillFulfillment, isFulfill, isPrepare, isReject, prepareAmount, reject } from '@ilp-wrap/core/packet'
import { RequestRejectedError } from './errors.js'
import { ILP_ERROR, decodeError } from './legacy-packets.js'
import type { Parts } from './parts.js'
import { errorOf } from './rejections.js'
import { refusalOf } from './refusals.js'
import { conditionOf, conditionOfPrepare } from './transfers.js'

export interface RequestOptions {
  /** How long a request may take, in milliseconds. */
  readonly requestTimeoutMs: number
  /** Whether a message without `ilp` counts as its `custom` field, as JSON. */
  readonly customData: boolean
}

/**
 * What messages between two of us say beside their data, under `custom['ilp-wrap']`: plugins have no way to carry empty
 * data, nor to tell an answer from an error of their own that looks like one (an ILP error, type 8). Plugins that have
 * messages only carry requests and responses by id.
 */
interface Mark {
  readonly empty?: boolean
  readonly data?: boolean
  readonly request?: string
  readonly response?: string
  /** `code` and `message`, from one of us. */
  readonly error?: unknown
}

const MARK = 'ilp-wrap'

/** A request that has not been answered. */
class Request extends Deadline {
  readonly id: string
  /** Resolves with the reply. */
  readonly reply: Promise<MessageV1 | undefined>
  readonly #requests: Requests
  #resolve!: (reply: MessageV1 | undefined) => void
  #reject!: (error: unknown) => void

  constructor(requests: Requests, id: string, at: number) {
    super(at)
    this.#requests = requests
    this.id = id
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  answer(reply: MessageV1 | undefined): void {
    this.#requests.forget(this)
    this.#resolve(reply)
  }

  fail(error: unknown): void {
    this.#requests.forget(this)
    this.#reject(error)
  }

  expire(): void {
    this.fail(new TimeoutError('The request timed out', { code: 'ILP_WRAP_TIMEOUT' }))
  }
}

/** Data that is no transfer, both ways: over the plugin's requests, or over messages where it has nothing else. */
export class Requests {
  handler: DataHandler | undefined
  readonly #parts: Parts
  readonly #options: RequestOptions
  readonly #open = new Map<string, Request>()

  constructor(parts: Parts, options: RequestOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** How many have no answer yet. */
  get size(): number {
    return this.#open.size
  }

  /** Sends data that is no prepare. It rejects with what the plugin throws, or with a RequestRejectedError. */
  async send(data: Buffer, at: number = this.#parts.clock.now() + this.#options.requestTimeoutMs): Promise<Buffer> {
    return this.#dataOf(await this.#exchange(data, at))
  }

  /** Sends a prepare that moves nothing. It never rejects. */
  async sendPrepare(prepare: Buffer, expiresAt: number): Promise<Buffer> {
    const { ledger, clock, log } = this.#parts
    const condition = conditionOfPrepare(prepare)
    let answer: Buffer
    try {
      answer = await this.send(prepare, Math.min(expiresAt, clock.now() + this.#options.requestTimeoutMs))
    } catch (error) {
      log.debug('a prepare that went as a request failed: %O', error)
      const code = refusalOf(error, true)?.code ?? errorOf(error).code
      return reject({ code, message: 'The prepare could not be delivered', triggeredBy: ledger.address })
    }
    if (isReject(answer)) return answer
    const fulfillment = fulfillFulfillment(answer)
    if (fulfillment !== undefined && conditionOf(fulfillment) === condition) return answer
    return isFulfill(answer)
      ? reject({ code: 'F05', message: 'The fulfillment does not fulfill the condition', triggeredBy: ledger.address })
      : reject({ code: 'T00', message: 'The answer is no ILP packet', triggeredBy: ledger.address })
  }

  /** Ends all that waits: the connection is gone, and answers with it. */
  abort(): void {
    for (const request of [...this.#open.values()]) {
      request.fail(new UnreachableError('The plugin was disconnected', { code: 'ILP_WRAP_UNANSWERED' }))
    }
  }

  forget(request: Request): void {
    this.#open.delete(request.id)
    this.#parts.deadlines.delete(request)
  }

  #exchange(data: Buffer, at: number): Promise<MessageV1 | undefined> {
    const request = new Request(this, randomUUID(), at)
    this.#open.set(request.id, request)
    this.#parts.deadlines.add(request)
    this.#submit(data, request).catch((error: unknown) => {
      request.fail(error)
    })
    return request.reply
  }

  async #submit(data: Buffer, request: Request): Promise<void> {
    const { plugin, ledger } = this.#parts
    const { id } = request
    const to = ledger.recipientOf()
    const message: MessageV1 = { id, ledger: ledger.prefix, from: ledger.account, ...(to !== undefined && { to }) }
    if (typeof plugin.sendRequest === 'function') {
      request.answer(await plugin.sendRequest({ ...message, ...fieldsOf(data, {}) }))
      return
    }
    if (typeof plugin.sendMessage !== 'function') {
      throw new NotAcceptedError('The v1 plugin carries neither requests nor messages')
    }
    // the response comes as another message
    await plugin.sendMessage({ ...message, ...fieldsOf(data, { request: id }) })
  }

  #dataOf(reply: MessageV1 | undefined): Buffer {
    const mark = markOf(reply)
    if (mark?.error !== undefined) throw rejectedWith(mark.error)
    if (typeof reply?.ilp !== 'string' || reply.ilp === '') return this.#customOf(reply) ?? Buffer.alloc(0)
    const data = Buffer.from(reply.ilp, 'base64')
    if (data[0] !== ILP_ERROR || mark?.data === true) return data
    const error = decodeError(data)
    if (error === undefined) return data
    throw new RequestRejectedError(textOf(error.data) ?? error.name, error.code)
  }

  /** The `custom` field as data, if that is wanted and it is not ours. */
  #customOf(message: MessageV1 | undefined): Buffer | undefined {
    const custom = customOf(message)
    if (!this.#options.customData || custom === undefined || isMarked(custom)) return undefined
    return Buffer.from(JSON.stringify(custom))
  }

  // ------------------------------------------------------------------------------------------------------------- incoming

  /** What the plugin has registered as its request handler. What it rejects with is an Error, always. */
  readonly answer = async (request: MessageV1): Promise<MessageV1> => {
    return { ...this.#backTo(request), ...(await this.#handle(request)) }
  }

  #backTo(request: MessageV1): MessageV1 {
    const { ledger } = this.#parts
    return {
      ...(request.id !== undefined && { id: request.id }),
      ledger: request.ledger ?? ledger.prefix,
      from: request.to ?? ledger.account,
      ...(request.from !== undefined && { to: request.from })
    }
  }

  async #handle(request: MessageV1): Promise<MessageV1> {
    const data = this.#requestDataOf(request)
    if (isPrepare(data)) return fieldsOf(await this.#handlePrepare(data), {})
    try {
      return fieldsOf(await this.#ask(data), {})
    } catch (error) {
      // plugins take the message of whatever they catch
      throw error instanceof Error ? error : new RequestRejectedError(`The request failed: ${String(error)}`)
    }
  }

  /** A prepare that came without a transfer. It is answered with a packet, whatever happens. */
  async #handlePrepare(prepare: Buffer): Promise<Buffer> {
    const triggeredBy = this.#parts.ledger.address
    // whoever fulfilled it would not be paid
    if (prepareAmount(prepare) !== 0n) {
      return reject({ code: 'F00', message: 'A prepare with an amount needs a transfer', triggeredBy })
    }
    try {
      return await this.#ask(prepare)
    } catch (error) {
      this.#parts.log.error('the data handler threw for a prepare that came as a request: %O', error)
      return reject({ ...errorOf(error), triggeredBy })
    }
  }

  async #ask(data: Buffer): Promise<Buffer> {
    if (this.handler === undefined) throw new UnreachableError('Nobody handles requests here')
    return this.handler(data)
  }

  #requestDataOf(request: MessageV1): Buffer {
    if (typeof request.ilp === 'string' && request.ilp !== '') return Buffer.from(request.ilp, 'base64')
    const custom = this.#customOf(request)
    if (custom !== undefined) return custom
    const given = customOf(request)
    if (given === undefined || isMarked(given)) return Buffer.alloc(0)
    throw new NotAcceptedError('A request needs an ILP packet')
  }

  /** `incoming_message`, of a plugin that has no requests. */
  async message(message: MessageV1): Promise<void> {
    const mark = markOf(message)
    if (typeof mark?.response === 'string') {
      this.#open.get(mark.response)?.answer(message)
      return
    }
    if (typeof mark?.request !== 'string') return
    const response = mark.request
    try {
      await this.#parts.plugin.sendMessage?.({ ...this.#backTo(message), ...(await this.#respond(message, response)) })
    } catch (error) {
      this.#parts.log.warn('a response could not be sent: %O', error)
    }
  }

  async #respond(message: MessageV1, response: string): Promise<MessageV1> {
    try {
      const fields = await this.#handle(message)
      return { ...fields, custom: { [MARK]: { ...markOf(fields), response } } }
    } catch (error) {
      const { code, message: text } = errorOf(error)
      return { custom: { [MARK]: { response, error: { code, message: text } } } }
    }
  }
}

/** Data as the fields of a message. */
function fieldsOf(data: unknown, mark: Mark): MessageV1 {
  if (!Buffer.isBuffer(data)) throw new TypeError('The data handler did not give a Buffer')
  const marks: Mark = {
    ...mark,
    ...(data.length === 0 && { empty: true }),
    ...(data[0] === ILP_ERROR && { data: true })
  }
  return {
    ...(data.length > 0 && { ilp: data.toString('base64url') }),
    ...(Object.keys(marks).length > 0 && { custom: { [MARK]: marks } })
  }
}

/** The `custom` field, whatever the peer has put there. */
function customOf(message: MessageV1 | undefined): unknown {
  return message?.custom ?? undefined
}

function isMarked(custom: unknown): boolean {
  return typeof custom === 'object' && custom !== null && MARK in custom
}

function rejectedWith(error: unknown): RequestRejectedError {
  const given: { code?: unknown; message?: unknown } = typeof error === 'object' && error !== null ? error : {}
  const { code, message } = errorOf({ ilpErrorCode: given.code, message: given.message })
  return new RequestRejectedError(message, code)
}

function markOf(message: MessageV1 | undefined): Mark | undefined {
  const mark = message?.custom?.[MARK]
  return typeof mark === 'object' && mark !== null ? mark : undefined
}

/** The text in the data of an error that a v1 plugin made of a handler's: JSON with a `message`. */
function textOf(data: string): string | undefined {
  try {
    const { message } = JSON.parse(data) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
