import type { PacketRejected } from '@ilp-wrap/core'
import { prepareAmount, prepareDestination, prepareExpiresAt } from '@ilp-wrap/core/packet'
import { firstValueFrom } from 'rxjs'
import { answerOutcome, thrownOutcome } from './decision.js'
import { notSent } from './errors.js'
import { Failure } from './failure.js'
import { Packet } from './packet.js'
import type { Sender } from './packet.js'
import { expired, unreachable } from './replies.js'
import { Retrying } from './retrying.js'
import { Shared } from './shared.js'

type Next = (data: Buffer) => Promise<Buffer>
type UnsentReason = NonNullable<PacketRejected['unsent']>

/** The outgoing requests of one plugin, up to their first failure. */
export class Packets extends Shared implements Sender {
  send(data: Buffer, next: Next): Promise<Buffer> {
    // what is no Buffer is for the plugin to judge
    if (!Buffer.isBuffer(data)) return next(data)
    const { rules, connection } = this
    if (rules.connectWaitMs !== undefined && connection.away) {
      return this.#sendWhenConnected(data, next, rules.connectWaitMs)
    }
    return this.#sendNow(data, next, false)
  }

  /** The plain path: one `then`. */
  #sendNow(data: Buffer, next: Next, waitedInVain: boolean): Promise<Buffer> {
    const expiresAt = prepareExpiresAt(data)
    const now = this.clock.now()
    if (expiresAt !== undefined && now >= expiresAt) return this.#refuseExpired(data)
    const { onAnswer, onError } = Packet.of(this, next, data, expiresAt, now, waitedInVain)
    return next(data).then(onAnswer, onError)
  }

  #refuseExpired(data: Buffer): Promise<Buffer> {
    const [amount, destination] = [prepareAmount(data), prepareDestination(data)]
    this.emit({ type: 'packet-rejected', direction: 'outgoing', code: 'R00', amount, destination })
    return Promise.resolve(expired())
  }

  answered(answer: Buffer, packet: Packet): Buffer | Promise<Buffer> {
    const outcome = answerOutcome(answer, packet)
    if (outcome === undefined) this.succeeded()
    else if (this.mayResend(outcome, packet)) return this.#retry(packet, new Failure(outcome, answer, false, true))
    Packet.release(packet)
    return answer
  }

  threw(error: unknown, packet: Packet): Promise<Buffer> {
    const outcome = thrownOutcome(error)
    if (this.mayResend(outcome, packet)) return this.#retry(packet, new Failure(outcome, error, true, true))
    Packet.release(packet)
    return Promise.reject(error)
  }

  #retry(packet: Packet, failure: Failure): Promise<Buffer> {
    return new Retrying(this, packet).run(failure)
  }

  async #sendWhenConnected(data: Buffer, next: Next, maxMs: number): Promise<Buffer> {
    const { waiters, connection } = this
    const expiresAt = prepareExpiresAt(data)
    const now = this.clock.now()
    const limitMs = Math.min(maxMs, this.deadlineOf(expiresAt, now) - now)
    if (limitMs <= 0) return this.#sendNow(data, next, true)

    const [amount = 0n, destination] = [prepareAmount(data), prepareDestination(data)]
    if (!waiters.enter(amount)) return this.#unsent(data, 'waiting-full')
    this.emit({ type: 'packet-delayed', amount, destination, maxMs: limitMs })
    // as it was when the host sent it
    const bytes = Buffer.from(data)
    const end = await firstValueFrom(connection.arrival(limitMs))
    waiters.leave(amount)
    if (end === 'stopped') return this.#unsent(bytes, 'disconnected')
    // the process was held up, or the clock set; R00 would end a STREAM connection over a packet that never left
    if (expiresAt !== undefined && this.clock.now() >= expiresAt) return this.#unsent(bytes, 'deadline')
    return this.#sendNow(bytes, next, end === 'late')
  }

  /** A prepare is answered with a reject; for other data there is none, and an error says so. */
  #unsent(data: Buffer, unsent: UnsentReason): Promise<Buffer> {
    const [amount, destination] = [prepareAmount(data), prepareDestination(data)]
    this.emit({ type: 'packet-rejected', direction: 'outgoing', code: 'T01', amount, destination, unsent })
    const message = `Not sent: ${UNSENT[unsent]}`
    if (amount !== undefined) return Promise.resolve(unreachable(message))
    return Promise.reject(notSent(message))
  }
}

const UNSENT: Record<UnsentReason, string> = {
  'waiting-full': 'not connected, and too many packets wait already',
  disconnected: 'the plugin was disconnected',
  deadline: 'not connected in time'
}
