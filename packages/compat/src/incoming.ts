import { Deadline, InvalidFieldsError } from '@ilp-wrap/core'
import type { DataHandler, MoneyHandler, RejectionMessageV1, TransferV1 } from '@ilp-wrap/core'
import { fulfillFulfillment, isFulfill, isReject, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { LRUCache } from 'lru-cache'
import type { Parts } from './parts.js'
import { nameOf } from './refusals.js'
import { errorOf, reasonOf, reasonOfReject } from './rejections.js'
import { ilpOfFulfill, isAmount, isFulfillmentOf, prepareOfTransfer } from './transfers.js'

interface Fulfillment {
  readonly fulfillment: string
  readonly ilp: string | undefined
  readonly amount: string
  /** Until then the ledger takes it. */
  readonly expiresAt: number
}

/** What was answered to an incoming transfer. */
type Answer = Fulfillment | { readonly reason: RejectionMessageV1 }

/** How much memory the remembered answers may take. */
const ANSWERS_BYTES = 16 * 2 ** 20

/** A transfer that the host has not answered yet. */
class IncomingTransfer extends Deadline {
  readonly id: string
  readonly amount: string
  /** As the v1 plugin gave it: base64, in either alphabet. */
  readonly condition: string
  /** Resolves once the answer is with the plugin, or there is none to give: some plugins wait for their listeners. */
  handled: Promise<void> | undefined
  readonly #transfers: IncomingTransfers
  #finish: ((submitted: Promise<void> | undefined) => void) | undefined

  constructor(transfers: IncomingTransfers, transfer: TransferV1, expiresAt: number) {
    super(expiresAt)
    this.#transfers = transfers
    this.id = transfer.id
    this.amount = transfer.amount
    this.condition = transfer.executionCondition as string
    this.handled = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  finish(submitted: Promise<void> | undefined): void {
    this.#finish?.(submitted)
    // as for outgoing transfers
    this.#finish = this.handled = undefined
  }

  expire(): void {
    this.#transfers.expired(this)
  }
}

/** A fulfillment that the plugin has failed to submit: whether the ledger has it is not known. */
class Doubtful extends Deadline {
  readonly id: string
  readonly answer: Fulfillment
  readonly #transfers: IncomingTransfers

  constructor(transfers: IncomingTransfers, id: string, answer: Fulfillment) {
    super(answer.expiresAt)
    this.#transfers = transfers
    this.id = id
    this.answer = answer
  }

  expire(): void {
    this.#transfers.lapsed(this)
  }
}

/**
 * The incoming transfers of one plugin: conditional ones go to the host as prepares, each once, and its answer goes back;
 * unconditional ones are money, also once.
 */
export class IncomingTransfers {
  dataHandler: DataHandler | undefined
  moneyHandler: MoneyHandler | undefined
  /** After `disconnect` no packet goes to the host any more. Money does: it has moved. */
  paused = false
  readonly #parts: Parts
  readonly #remember: number
  readonly #open = new Map<string, IncomingTransfer>()
  readonly #doubtful = new Map<string, Doubtful>()
  // both take their memory at once: made when needed
  #answers: LRUCache<string, Answer> | undefined
  #money: LRUCache<string, true> | undefined

  constructor(parts: Parts, remember: number) {
    this.#parts = parts
    this.#remember = remember
  }

  /** How many wait for the host's answer. */
  get size(): number {
    return this.#open.size
  }

  // ------------------------------------------------------------------------------------------------ conditional transfers

  /** `incoming_prepare`. What it returns never rejects. */
  prepared(transfer: TransferV1): Promise<void> | undefined {
    const { id } = transfer
    const open = this.#open.get(id)
    if (open !== undefined) return open.handled
    const answer = this.#answers?.get(id)
    if (answer !== undefined) return this.#submit(id, answer)

    const prepare = prepareOfTransfer(transfer)
    if (prepare === undefined) return this.#refuse(id, 'F01', 'The transfer does not hold an ILP packet')
    const expiresAt = prepareExpiresAt(prepare) as number
    if (this.#parts.clock.now() >= expiresAt) return this.#refuse(id, 'R00', 'The transfer has expired')
    const handler = this.dataHandler
    if (handler === undefined || this.paused) return this.#refuse(id, 'T01', 'Nobody handles packets here')

    const entry = new IncomingTransfer(this, transfer, expiresAt)
    this.#open.set(id, entry)
    this.#parts.background.add(entry)
    const { handled } = entry
    handler(prepare).then(
      (packet) => {
        this.#answered(entry, packet)
      },
      (error: unknown) => {
        this.#threw(entry, error)
      }
    )
    return handled
  }

  /** `incoming_cancel`: the ledger takes no answer any more. */
  cancelled(transfer: Partial<TransferV1> | undefined): void {
    const id = transfer?.id ?? ''
    const entry = this.#open.get(id)
    if (entry !== undefined) this.#close(entry, this.#refusal('R00', 'The transfer was cancelled'), undefined)
    const doubtful = this.#doubtful.get(id)
    if (doubtful === undefined) return
    this.lapsed(doubtful)
    this.#tooLate({ id, amount: doubtful.answer.amount })
  }

  /** The host has not answered in time. The ledger may not have a clock of its own. */
  expired(entry: IncomingTransfer): void {
    this.#answer(entry, this.#refusal('R00', 'The transfer timed out'))
  }

  #answered(entry: IncomingTransfer, packet: unknown): void {
    const fulfill = Buffer.isBuffer(packet) && isFulfill(packet) ? packet : undefined
    if (this.#open.get(entry.id) !== entry) {
      if (fulfill !== undefined) this.#tooLate(entry)
      return
    }
    if (fulfill !== undefined) {
      this.#fulfilled(entry, fulfill)
      return
    }
    if (Buffer.isBuffer(packet) && isReject(packet)) {
      this.#answer(entry, { reason: reasonOfReject(packet, this.#parts.clock.now()) })
      return
    }
    this.#answer(entry, this.#refusal('T00', 'Internal error'))
    this.#parts.log.error('the data handler answered transfer %s with no ILP packet', entry.id)
  }

  #fulfilled(entry: IncomingTransfer, packet: Buffer): void {
    const fulfillment = fulfillFulfillment(packet) as Buffer
    const { amount, at: expiresAt } = entry
    if (!isFulfillmentOf(fulfillment, entry.condition)) {
      this.#answer(entry, this.#refusal('F05', 'The fulfillment does not fulfill the condition'))
      this.#parts.emit({ type: 'wrong-fulfillment', transferId: entry.id, direction: 'incoming' })
      return
    }
    // the shared timer is not exact
    if (this.#parts.clock.now() >= expiresAt) {
      this.#answer(entry, this.#refusal('R00', 'The transfer timed out'))
      this.#tooLate(entry)
      return
    }
    this.#answer(entry, {
      fulfillment: fulfillment.toString('base64url'),
      ilp: ilpOfFulfill(packet),
      amount,
      expiresAt
    })
  }

  #threw(entry: IncomingTransfer, error: unknown): void {
    const { ledger, clock, log } = this.#parts
    if (this.#open.get(entry.id) === entry) {
      const { code, message, data } = errorOf(error)
      this.#answer(entry, { reason: reasonOf(code, message, ledger.address, clock.now(), data) })
    }
    log.error('the data handler threw for transfer %s: %O', entry.id, error)
  }

  #tooLate({ id, amount }: { id: string; amount: string }): void {
    this.#parts.emit({ type: 'fulfill-too-late', transferId: id, amount: BigInt(amount) })
    this.#parts.log.warn('transfer %s was fulfilled too late, it will not be paid', id)
  }

  #answer(entry: IncomingTransfer, answer: Answer): void {
    this.#close(entry, answer, this.#submit(entry.id, answer))
  }

  #close(entry: IncomingTransfer, answer: Answer, submitted: Promise<void> | undefined): void {
    this.#open.delete(entry.id)
    this.#parts.background.delete(entry)
    this.#remembering(entry.id, answer)
    entry.finish(submitted)
    this.#parts.closed()
  }

  #remembering(id: string, answer: Answer): void {
    this.#answers ??= new LRUCache({ max: this.#remember, maxSize: ANSWERS_BYTES, sizeCalculation: sizeOf })
    this.#answers.set(id, answer)
  }

  #refusal(code: string, message: string): Answer {
    return { reason: reasonOf(code, message, this.#parts.ledger.address, this.#parts.clock.now()) }
  }

  #refuse(id: string, code: string, message: string): Promise<void> {
    return this.#submit(id, this.#refusal(code, message))
  }

  #submit(id: string, answer: Answer): Promise<void> {
    const { plugin } = this.#parts
    try {
      const call =
        'reason' in answer
          ? plugin.rejectIncomingTransfer(id, answer.reason)
          : plugin.fulfillCondition(id, answer.fulfillment, answer.ilp)
      return Promise.resolve(call).then(nothing, (error: unknown) => {
        this.#refused(id, answer, error)
      })
    } catch (error) {
      this.#refused(id, answer, error)
      return Promise.resolve()
    }
  }

  #refused(id: string, answer: Answer, error: unknown): void {
    if ('reason' in answer) this.#parts.log.warn('the plugin did not reject transfer %s: %O', id, error)
    else this.#notTaken(id, answer, error)
  }

  #notTaken(id: string, answer: Fulfillment, error: unknown): void {
    const { amount } = answer
    const name = nameOf(error)
    if (ROLLED_BACK.has(name)) {
      this.#forget(id)
      this.#tooLate({ id, amount })
      return
    }
    if (REFUSED.has(name)) this.#forget(id)
    else this.#keep(id, answer)
    this.#parts.emit({ type: 'fulfill-failed', transferId: id, amount: BigInt(amount), error })
    this.#parts.log.error('the plugin did not take the fulfillment of transfer %s: %O', id, error)
  }

  #keep(id: string, answer: Fulfillment): void {
    if (this.#doubtful.has(id)) return
    const doubtful = new Doubtful(this, id, answer)
    this.#doubtful.set(id, doubtful)
    this.#parts.background.add(doubtful)
  }

  #forget(id: string): void {
    const doubtful = this.#doubtful.get(id)
    if (doubtful !== undefined) this.lapsed(doubtful)
  }

  /** The ledger takes no fulfillment any more, or has it. */
  lapsed(doubtful: Doubtful): void {
    this.#doubtful.delete(doubtful.id)
    this.#parts.background.delete(doubtful)
  }

  /**
   * After a connection has been made anew: submits again what may not have arrived. A ledger knows a fulfillment that it
   * has by the transfer's id (RFC 0004, "fulfillCondition").
   */
  resubmit(): void {
    const now = this.#parts.clock.now()
    for (const doubtful of [...this.#doubtful.values()]) {
      if (now >= doubtful.at) this.lapsed(doubtful)
      else void this.#submitAgain(doubtful)
    }
  }

  async #submitAgain({ id, answer }: Doubtful): Promise<void> {
    try {
      await this.#parts.plugin.fulfillCondition(id, answer.fulfillment, answer.ilp)
      this.#forget(id)
    } catch (error) {
      if (nameOf(error) === 'AlreadyFulfilledError') this.#forget(id)
      else this.#notTaken(id, answer, error)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------- money

  /** `incoming_transfer`. A v1 ledger cannot be told no: what the host does not take is reported. */
  async transferred(transfer: TransferV1): Promise<void> {
    const { id, amount } = transfer
    if (this.#money?.has(id) === true) return
    this.#money ??= new LRUCache({ max: this.#remember })
    this.#money.set(id, true)
    const handler = this.moneyHandler
    if (handler === undefined) {
      this.#unhandled(id, amount)
      return
    }
    try {
      if (!isAmount(amount)) throw new InvalidFieldsError(`Expected the amount of transfer ${id} to be a whole number`)
      await handler(amount)
    } catch (error) {
      this.#unhandled(id, amount, error)
    }
  }

  #unhandled(id: string, amount: string, error?: unknown): void {
    this.#parts.emit({ type: 'money-unhandled', transferId: id, amount, error })
    this.#parts.log.error('nobody took the money of transfer %s (%s): %O', id, amount, error)
  }
}

/** What plugins call a transfer that they no longer hold. */
const ROLLED_BACK: ReadonlySet<string> = new Set(['AlreadyRolledBackError', 'TransferNotFoundError'])

/** What plugins say of a fulfillment that the ledger would refuse again, or has. */
const REFUSED: ReadonlySet<string> = new Set([
  'AlreadyFulfilledError',
  'InvalidFieldsError',
  'NotAcceptedError',
  'TransferNotConditionalError'
])

function nothing(): void {
  // the plugin has taken the answer
}

/** About how many bytes an answer holds. */
function sizeOf(answer: Answer): number {
  if ('fulfillment' in answer) return 256 + (answer.ilp?.length ?? 0)
  const { message, additional_info: info } = answer.reason
  return 512 + message.length + String(info['data']).length
}
