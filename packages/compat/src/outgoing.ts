import { randomUUID } from 'node:crypto'
import { Deadline, PluginError } from '@ilp-wrap/core'
import type { Deadlines, TransferV1 } from '@ilp-wrap/core'
import { reject } from '@ilp-wrap/core/packet'
import { LRUCache } from 'lru-cache'
import type { Journal, Outstanding } from './journal.js'
import type { Parts } from './parts.js'
import { INVALID_FIELDS, NOT_ACCEPTED, nameOf, refusalOf } from './refusals.js'
import { rejectOfReason } from './rejections.js'
import { bytes32, conditionOf, conditionOfPrepare, dataOfFulfillment, fulfillOf, ilpOfPrepare } from './transfers.js'

export interface OutgoingOptions {
  /** How long after a prepare's expiry the ledger's own word is awaited, in milliseconds. */
  readonly graceMs: number
  /** What a NotAcceptedError becomes. */
  readonly notAccepted: 'F00' | 'T00'
  /** How many transfers are remembered once they have an outcome. */
  readonly remember: number
}

/** How a transfer has ended, as far as the host was told. */
type Outcome = 'fulfilled' | 'rejected' | 'cancelled' | 'unknown'

/** What is remembered of a transfer that has ended. */
interface Ended {
  readonly outcome: Outcome
  readonly amount: string
  readonly condition: string
}

/** What is remembered of a transfer that has expired while the ledger said nothing of it. */
interface Unheard extends Ended {
  readonly outcome: 'unknown'
  /** Milliseconds since 1970; from then on it is not asked for any more. */
  readonly until: number
}

/** Nothing can become of it any more. */
const FULFILLED: Ended = { outcome: 'fulfilled', amount: '0', condition: '' }

/** How many transfers are asked for at once after a reconnect. */
const QUESTIONS_AT_ONCE = 8

/** How long a question keeps the next from being asked. */
const QUESTION_MS = 10_000

/** How long a transfer of which the ledger has said nothing is asked for at each connection. */
const UNHEARD_MS = 24 * 60 * 60_000

/** What the ledger says of a transfer by which nothing was paid, nor will be. */
const UNPAID: ReadonlySet<string> = new Set([
  'AlreadyRolledBackError',
  'TransferNotFoundError',
  'TransferNotConditionalError'
])

/** How long, once it has been asked, the ledger may take to say what became of an earlier process's expired transfer. */
const RECOVERY_MS = 10_000

/**
 * A conditional transfer without an outcome. `writing`: it is on its way into the store. `sending`: the plugin has it.
 * `unknown`: the plugin's call has failed, which leaves open whether the ledger has the transfer. `submitted`: the plugin
 * says that the ledger has it.
 */
class OutgoingTransfer extends Deadline {
  state: 'writing' | 'sending' | 'unknown' | 'submitted' = 'sending'
  readonly id: string
  readonly amount: string
  readonly condition: string
  /** Gives the host its answer; undefined for a transfer of an earlier process. */
  resolve: ((answer: Buffer | Promise<Buffer>) => void) | undefined
  reject: ((error: unknown) => void) | undefined
  /** What to do instead when the plugin takes no transfers of this amount; gives the answer. */
  otherwise: (() => Promise<Buffer>) | undefined
  readonly #transfers: OutgoingTransfers

  constructor(transfers: OutgoingTransfers, at: number, id: string, amount: string, condition: string) {
    super(at)
    this.#transfers = transfers
    this.id = id
    this.amount = amount
    this.condition = condition
  }

  expire(): void {
    this.#transfers.expired(this)
  }
}

/** Something that the plugin has been asked, for as long as the next question waits for the answer. */
class Question extends Deadline {
  readonly #done: () => void

  constructor(at: number, done: () => void) {
    super(at)
    this.#done = done
  }

  expire(): void {
    this.#done()
  }
}

/**
 * The outgoing prepares of one plugin as conditional transfers. Each has one outcome: the first of what the ledger says
 * (fulfilled, rejected, cancelled), the plugin's refusal, and the expiry.
 */
export class OutgoingTransfers {
  readonly #parts: Parts
  readonly #options: OutgoingOptions
  readonly #journal: Journal | undefined
  readonly #open = new Map<string, OutgoingTransfer>()
  /** What has an outcome, so that a second one is known for what it is. It takes its memory at once: made when needed. */
  #ended: LRUCache<string, Ended> | undefined
  /** What has expired without a word of the ledger, the oldest first: it may have been executed all the same. */
  readonly #unheard = new Map<string, Unheard>()
  /** When those of an earlier process expire that have not been asked for: without a connection they have no end. */
  readonly #unasked = new Map<string, number>()
  /** The transfers that are still to be asked for over this connection. */
  #questions = new Set<string>()

  constructor(parts: Parts, options: OutgoingOptions, journal: Journal | undefined) {
    this.#parts = parts
    this.#options = options
    this.#journal = journal
  }

  /** How many have no outcome yet. */
  get size(): number {
    return this.#open.size
  }

  /** How many of them will have one, be it at their expiry; the others wait for a connection. */
  get waiting(): number {
    return this.#open.size - this.#unasked.size
  }

  /** Sends a prepare as a transfer to an account on the ledger; `otherwise` is asked when the plugin refuses the amount. */
  send(
    prepare: Buffer,
    amount: string,
    expiresAt: number,
    to: string,
    otherwise: (() => Promise<Buffer>) | undefined
  ): Promise<Buffer> {
    const { ledger } = this.#parts
    const id = randomUUID()
    const condition = conditionOfPrepare(prepare)
    const transfer: TransferV1 = {
      id,
      amount,
      ledger: ledger.prefix,
      from: ledger.account,
      to,
      ilp: ilpOfPrepare(prepare),
      executionCondition: condition,
      expiresAt: new Date(expiresAt).toISOString()
    }
    const entry = new OutgoingTransfer(this, expiresAt + this.#options.graceMs, id, amount, condition)
    entry.otherwise = otherwise
    return new Promise((resolve, reject) => {
      entry.resolve = resolve
      entry.reject = reject
      // known before the plugin is called, since that may give the outcome while it is called
      this.#add(entry)
      if (this.#journal === undefined) {
        this.#submit(entry, transfer)
        return
      }
      entry.state = 'writing'
      void this.#journal.add({ id, amount, condition, expiresAt }).then(() => {
        // it may have expired while it was written
        if (!this.#open.has(id)) return
        entry.state = 'sending'
        this.#submit(entry, transfer)
      })
    })
  }

  /** Takes over what an earlier process has left outstanding. */
  adopt(left: readonly Outstanding[]): void {
    const now = this.#parts.clock.now()
    for (const { id, amount, condition, expiresAt } of left) {
      const entry = new OutgoingTransfer(this, Infinity, id, amount, condition)
      // until then it may be on its way to the ledger
      if (expiresAt <= now) entry.state = 'unknown'
      this.#unasked.set(id, expiresAt)
      this.#add(entry)
    }
  }

  #add(entry: OutgoingTransfer): void {
    this.#open.set(entry.id, entry)
    this.#deadlinesOf(entry).add(entry)
  }

  #deadlinesOf(entry: OutgoingTransfer): Deadlines {
    return entry.resolve === undefined ? this.#parts.background : this.#parts.deadlines
  }

  #submit(entry: OutgoingTransfer, transfer: TransferV1): void {
    try {
      Promise.resolve(this.#parts.plugin.sendTransfer(transfer)).catch((error: unknown) => {
        this.#failed(entry, error, false)
      })
    } catch (error) {
      this.#failed(entry, error, true)
    }
  }

  /** The plugin's call has failed. That counts only if it proves that the ledger has no such transfer. */
  #failed(entry: OutgoingTransfer, error: unknown, thrownAtOnce: boolean): void {
    const { log, ledger } = this.#parts
    if (this.#open.get(entry.id) !== entry) {
      log.debug('transfer %s had its outcome, then the call failed: %O', entry.id, error)
      return
    }
    const refusal = entry.state === 'submitted' ? undefined : refusalOf(error, thrownAtOnce)
    if (refusal === undefined) {
      entry.state = 'unknown'
      log.warn('transfer %s may have failed, its outcome is awaited: %O', entry.id, error)
      return
    }
    const { resolve, otherwise } = entry
    if (entry.amount === '0' && refusal === INVALID_FIELDS && otherwise !== undefined) {
      this.#close(entry, 'rejected')
      resolve?.(otherwise())
      return
    }
    const code = refusal === NOT_ACCEPTED ? this.#options.notAccepted : refusal.code
    this.#end(entry, 'rejected', reject({ code, message: refusal.message, triggeredBy: ledger.address }))
    log.debug('transfer %s was refused: %O', entry.id, error)
  }

  // ------------------------------------------------------------------------------------------------- what the ledger says

  /** `outgoing_prepare`: the ledger has the transfer, whatever the plugin's call does from now on. */
  submitted(transfer: Partial<TransferV1> | undefined): void {
    const entry = this.#open.get(transfer?.id ?? '')
    if (entry !== undefined) entry.state = 'submitted'
  }

  fulfilled(transfer: Partial<TransferV1> | undefined, fulfillment: unknown, ilp: unknown): void {
    const id = transfer?.id ?? ''
    const entry = this.#open.get(id)
    if (entry === undefined) {
      this.#fulfilledLate(id, fulfillment)
      return
    }
    const bytes = bytes32(fulfillment)
    if (bytes === undefined || conditionOf(bytes) !== entry.condition) {
      this.#end(entry, 'rejected', this.#reject('F05', 'The fulfillment does not fulfill the condition'))
      this.#parts.emit({ type: 'wrong-fulfillment', transferId: id, direction: 'outgoing' })
      return
    }
    this.#end(entry, 'fulfilled', fulfillOf(bytes, dataOfFulfillment(ilp)))
  }

  #fulfilledLate(id: string, fulfillment: unknown): void {
    const ended = this.#endedAs(id)
    if (ended === undefined) return
    const bytes = bytes32(fulfillment)
    if (bytes === undefined || conditionOf(bytes) !== ended.condition) {
      this.#parts.emit({ type: 'outcome-repeated', transferId: id, outcome: 'fulfill' })
      return
    }
    this.#heard(id, FULFILLED)
    this.#parts.emit({ type: 'transfer-paid-late', transferId: id, amount: BigInt(ended.amount), paid: true })
    this.#parts.log.warn('transfer %s was executed after the host was told that it was %s', id, ended.outcome)
  }

  rejected(transfer: Partial<TransferV1> | undefined, reason: unknown): void {
    const entry = this.#open.get(transfer?.id ?? '')
    if (entry === undefined) this.#repeated(transfer?.id ?? '', 'reject')
    else this.#end(entry, 'rejected', rejectOfReason(reason))
  }

  /** RFC 0004: the ledger has cancelled it because it timed out, whatever the reason says. */
  cancelled(transfer: Partial<TransferV1> | undefined): void {
    const entry = this.#open.get(transfer?.id ?? '')
    if (entry === undefined) this.#repeated(transfer?.id ?? '', 'cancel')
    else this.#end(entry, 'cancelled', this.#reject('R00', 'The transfer timed out on the ledger'))
  }

  #repeated(id: string, outcome: 'reject' | 'cancel'): void {
    const ended = this.#endedAs(id)
    if (ended === undefined) return
    if (ended.outcome !== 'unknown') {
      this.#parts.emit({ type: 'outcome-repeated', transferId: id, outcome })
      return
    }
    // what the own timer has ended, the ledger ends a little later
    const { amount, condition } = ended
    this.#heard(id, { outcome: outcome === 'reject' ? 'rejected' : 'cancelled', amount, condition })
  }

  #endedAs(id: string): Ended | undefined {
    return this.#unheard.get(id) ?? this.#ended?.get(id)
  }

  #heard(id: string, ended: Ended): void {
    this.#ended?.set(id, ended)
    this.#forget(id)
  }

  /** From now on it is not asked for. */
  #forget(id: string): void {
    if (this.#unheard.delete(id)) this.#journal?.remove(id)
  }

  /** The own timer of a transfer whose ledger has said nothing. */
  expired(entry: OutgoingTransfer): void {
    if (entry.state !== 'writing' && this.#canAsk) this.#keep(entry)
    this.#end(entry, 'unknown', this.#reject('R00', 'The transfer timed out'))
  }

  #keep({ id, amount, condition }: OutgoingTransfer): void {
    const until = this.#parts.clock.now() + UNHEARD_MS
    this.#unheard.set(id, { outcome: 'unknown', amount, condition, until })
    this.#prune()
  }

  #prune(): void {
    const now = this.#parts.clock.now()
    for (const [id, { until }] of this.#unheard) {
      if (until > now && this.#unheard.size <= this.#options.remember) return
      this.#forget(id)
    }
  }

  #reject(code: string, message: string): Buffer {
    return reject({ code, message, triggeredBy: this.#parts.ledger.address })
  }

  #end(entry: OutgoingTransfer, outcome: Outcome, answer: Buffer): void {
    const { resolve } = entry
    this.#close(entry, outcome)
    if (resolve !== undefined) resolve(answer)
    else this.#recovered(entry, outcome)
  }

  #fail(entry: OutgoingTransfer, error: PluginError): void {
    const { reject } = entry
    this.#close(entry, 'unknown')
    if (reject !== undefined) reject(error)
    else this.#recovered(entry, 'unknown')
  }

  #recovered({ id, amount }: OutgoingTransfer, outcome: Outcome): void {
    this.#parts.emit({ type: 'transfer-recovered', transferId: id, amount: BigInt(amount), outcome })
    this.#parts.log.info('transfer %s of an earlier process was %s', id, outcome)
  }

  #close(entry: OutgoingTransfer, outcome: Outcome): void {
    this.#open.delete(entry.id)
    this.#deadlinesOf(entry).delete(entry)
    if (this.#unasked.size > 0) this.#unasked.delete(entry.id)
    // a map's past, which holds its entries until it is collected, is not to hold what they held
    entry.resolve = entry.reject = entry.otherwise = undefined
    this.#ended ??= new LRUCache({ max: this.#options.remember })
    const { id, amount, condition } = entry
    this.#ended.set(id, outcome === 'fulfilled' ? FULFILLED : { outcome, amount, condition })
    if (outcome !== 'unknown' || !this.#unheard.has(id)) this.#journal?.remove(id)
    this.#parts.closed()
  }

  // ---------------------------------------------------------------------------------------------------------- recovery

  get #canAsk(): boolean {
    return typeof this.#parts.plugin.getFulfillment === 'function'
  }

  /**
   * After a connection has been made anew: asks what became of what is open, and of what has expired unheard, if the
   * plugin can tell. What was asked over an earlier connection is asked again; its answers may never come.
   */
  recover(): void {
    if (!this.#canAsk) {
      for (const id of this.#unasked.keys()) this.#startGrace(id)
      return
    }
    this.#prune()
    this.#questions.clear()
    const questions = (this.#questions = new Set([...this.#open.keys(), ...this.#unheard.keys()]))
    for (let i = 0; i < QUESTIONS_AT_ONCE && questions.size > 0; i++) void this.#askAll(questions)
  }

  async #askAll(questions: Set<string>): Promise<void> {
    for (const id of questions) {
      questions.delete(id)
      if (this.#open.has(id) || this.#unheard.has(id)) await this.#ask(id)
    }
  }

  /** Gives an end to what an earlier process has left. */
  #startGrace(id: string): void {
    const expiresAt = this.#unasked.get(id)
    const entry = this.#open.get(id)
    if (expiresAt === undefined || entry === undefined) return
    const { amount, condition, state } = entry
    const at = Math.max(expiresAt + this.#options.graceMs, this.#parts.clock.now() + RECOVERY_MS)
    const timed = new OutgoingTransfer(this, at, id, amount, condition)
    timed.state = state
    this.#unasked.delete(id)
    this.#deadlinesOf(entry).delete(entry)
    this.#add(timed)
  }

  /** Resolves once it is answered, or the next question has waited long enough. */
  #ask(id: string): Promise<void> {
    const { background, clock } = this.#parts
    this.#startGrace(id)
    return new Promise((resolve) => {
      const question = new Question(clock.now() + QUESTION_MS, resolve)
      background.add(question)
      void this.#learn(id).finally(() => {
        background.delete(question)
        resolve()
      })
    })
  }

  async #learn(id: string): Promise<void> {
    const { plugin, log } = this.#parts
    try {
      const fulfillment: unknown = await plugin.getFulfillment?.(id)
      // no error and no fulfillment say nothing
      if (typeof fulfillment !== 'string' || fulfillment === '') return
      // what was asked for twice is no second outcome
      if (this.#endedAs(id) !== FULFILLED) this.fulfilled({ id }, fulfillment, undefined)
    } catch (error) {
      const entry = this.#open.get(id)
      if (entry !== undefined) this.#noFulfillment(entry, error)
      else if (UNPAID.has(nameOf(error))) this.#forget(id)
      log.debug('asked for the fulfillment of %s: %O', id, error)
    }
  }

  #noFulfillment(entry: OutgoingTransfer, error: unknown): void {
    switch (nameOf(error)) {
      case 'AlreadyRolledBackError':
        this.#end(entry, 'cancelled', this.#reject('R00', 'The transfer was rolled back'))
        return
      case 'TransferNotFoundError':
        // the plugin's call must have failed, too: one that is still under way may yet reach the ledger
        if (entry.state === 'unknown') {
          this.#end(entry, 'rejected', this.#reject('T00', 'The transfer did not reach the ledger'))
        }
        return
      case 'TransferNotConditionalError':
        this.#fail(entry, notConditional(error))
        return
      // MissingFulfillmentError, and all that says nothing: the outcome is still to come
    }
  }
}

function notConditional(cause: unknown): PluginError {
  return new PluginError('The ledger has a transfer without a condition under the id of a prepare', {
    code: 'ILP_WRAP_TRANSFER_NOT_CONDITIONAL',
    cause
  })
}
