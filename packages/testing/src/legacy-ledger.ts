import { hash } from 'node:crypto'
import { Deadline, Deadlines } from '@ilp-wrap/core'
import type { Clock, RejectionMessageV1, TransferV1 } from '@ilp-wrap/core'

/** An error as v1 plugins throw them: told by its name (RFC 0004, "Errors"). */
export function legacyError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

/** One of the two accounts of a ledger, as the ledger sees it. */
export interface LegacyAccount {
  balance: bigint
  /** Tells the account's plugin, if it is connected. What it returns is to be waited for. */
  tell(event: string, ...args: unknown[]): Promise<void> | undefined
}

export interface LegacyLedgerOptions {
  /** The fulfillment arrives without its data. */
  readonly loseData: boolean
  /** A cancellation comes without a reason. */
  readonly reasonlessCancel: boolean
}

type Outcome = { readonly fulfillment: string } | 'cancelled' | 'unconditional'

/** How many transfers the ledger remembers that have an outcome. */
const REMEMBERED = 1024

/** A ledger in memory with two accounts and conditional transfers that expire. */
export class LegacyLedger {
  readonly clock: Clock
  readonly #options: LegacyLedgerOptions
  readonly #held = new Map<string, Held>()
  readonly #outcomes = new Map<string, Outcome>()
  readonly #oldest: (string | undefined)[] = Array.from({ length: REMEMBERED })
  #next = 0
  /** Nobody waits for it but the transfers. */
  readonly #deadlines: Deadlines

  constructor(clock: Clock, options: LegacyLedgerOptions) {
    this.clock = clock
    this.#options = options
    this.#deadlines = new Deadlines(clock, { ref: false })
  }

  /** How many transfers are held. */
  get held(): number {
    return this.#held.size
  }

  /** Ends the timer as soon as no transfer is held. */
  close(): void {
    this.#deadlines.close()
  }

  open(): void {
    this.#deadlines.open()
  }

  prepare(transfer: TransferV1, sender: LegacyAccount, receiver: LegacyAccount): Promise<void> | undefined {
    this.#assertNew(transfer.id)
    const held = new Held(this, transfer, sender, receiver)
    this.#held.set(transfer.id, held)
    this.#deadlines.add(held)
    return both(receiver.tell('incoming_prepare', transfer), sender.tell('outgoing_prepare', transfer))
  }

  transfer(transfer: TransferV1, sender: LegacyAccount, receiver: LegacyAccount): Promise<void> | undefined {
    this.#assertNew(transfer.id)
    this.#remember(transfer.id, 'unconditional')
    move(transfer, sender, receiver)
    return both(receiver.tell('incoming_transfer', transfer), sender.tell('outgoing_transfer', transfer))
  }

  fulfill(id: string, receiver: LegacyAccount, fulfillment: string, ilp?: string): Promise<void> | undefined {
    const held = this.#heldFor(id, receiver)
    const { transfer, sender } = held
    const condition = hash('sha256', Buffer.from(fulfillment, 'base64url'), 'base64url')
    if (condition !== transfer.executionCondition) {
      throw legacyError('NotAcceptedError', 'The fulfillment does not match the condition')
    }
    if (this.clock.now() >= held.at) throw legacyError('AlreadyRolledBackError', `Transfer ${id} has expired`)
    this.#release(held, { fulfillment })
    move(transfer, sender, receiver)
    const data = this.#options.loseData || ilp === undefined ? [] : [ilp]
    return both(
      receiver.tell('incoming_fulfill', transfer, fulfillment, ...data),
      sender.tell('outgoing_fulfill', transfer, fulfillment, ...data)
    )
  }

  reject(id: string, receiver: LegacyAccount): Held {
    const held = this.#heldFor(id, receiver)
    this.#release(held, 'cancelled')
    return held
  }

  expire(held: Held): void {
    const { transfer, sender, receiver } = held
    this.#release(held, 'cancelled')
    const reason = this.#options.reasonlessCancel ? [] : [timedOut(this.clock.now())]
    void receiver.tell('incoming_cancel', transfer, ...reason)
    void sender.tell('outgoing_cancel', transfer, ...reason)
  }

  fulfillmentOf(id: string): string {
    const outcome = this.#outcomes.get(id)
    if (this.#held.has(id)) throw legacyError('MissingFulfillmentError', `Transfer ${id} has not been fulfilled`)
    if (outcome === undefined) throw legacyError('TransferNotFoundError', `There is no transfer ${id}`)
    if (outcome === 'cancelled') throw legacyError('AlreadyRolledBackError', `Transfer ${id} was rolled back`)
    if (outcome === 'unconditional') {
      throw legacyError('TransferNotConditionalError', `Transfer ${id} has no condition`)
    }
    return outcome.fulfillment
  }

  #assertNew(id: string): void {
    if (!this.#held.has(id) && !this.#outcomes.has(id)) return
    throw legacyError('DuplicateIdError', `There is a transfer ${id}`)
  }

  #heldFor(id: string, receiver: LegacyAccount): Held {
    const held = this.#held.get(id)
    if (held?.receiver === receiver) return held
    const outcome = this.#outcomes.get(id)
    if (outcome === undefined) throw legacyError('TransferNotFoundError', `There is no incoming transfer ${id}`)
    if (outcome === 'cancelled') throw legacyError('AlreadyRolledBackError', `Transfer ${id} was rolled back`)
    throw legacyError('AlreadyFulfilledError', `Transfer ${id} was fulfilled`)
  }

  #release(held: Held, outcome: Outcome): void {
    this.#held.delete(held.transfer.id)
    this.#deadlines.delete(held)
    this.#remember(held.transfer.id, outcome)
  }

  #remember(id: string, outcome: Outcome): void {
    const oldest = this.#oldest[this.#next]
    if (oldest !== undefined) this.#outcomes.delete(oldest)
    this.#oldest[this.#next] = id
    this.#next = (this.#next + 1) % REMEMBERED
    this.#outcomes.set(id, outcome)
  }
}

/** A conditional transfer that waits for its fulfillment. */
class Held extends Deadline {
  readonly transfer: TransferV1
  readonly sender: LegacyAccount
  readonly receiver: LegacyAccount
  readonly #ledger: LegacyLedger

  constructor(ledger: LegacyLedger, transfer: TransferV1, sender: LegacyAccount, receiver: LegacyAccount) {
    super(Date.parse(transfer.expiresAt as string))
    this.#ledger = ledger
    this.transfer = transfer
    this.sender = sender
    this.receiver = receiver
  }

  override expire(): void {
    this.#ledger.expire(this)
  }
}

function move({ amount }: TransferV1, sender: LegacyAccount, receiver: LegacyAccount): void {
  sender.balance -= BigInt(amount)
  receiver.balance += BigInt(amount)
}

function timedOut(now: number): RejectionMessageV1 {
  return {
    code: 'R00',
    name: 'Transfer Timed Out',
    message: 'The transfer timed out',
    triggered_by: '',
    triggered_at: new Date(now),
    additional_info: {}
  }
}

function both(first: Promise<void> | undefined, second: Promise<void> | undefined): Promise<void> | undefined {
  if (first === undefined) return second
  return first.then(() => second)
}
