import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { serializeIlpFulfill, serializeIlpPrepare, serializeIlpReject } from 'ilp-packet'

const fulfillment = Buffer.alloc(32, 7)
const fulfill = serializeIlpFulfill({ fulfillment, data: Buffer.alloc(0) })
const reject = serializeIlpReject({ code: 'F99', message: 'no', triggeredBy: '', data: Buffer.alloc(0) })
const condition = createHash('sha256').update(fulfillment).digest()

export function prepare(lifeMs) {
  return serializeIlpPrepare({
    amount: '10',
    destination: 'g.peer.account',
    executionCondition: condition,
    expiresAt: new Date(Date.now() + lifeMs),
    data: Buffer.alloc(60)
  })
}

/** What the nth packet comes to: of a hundred, a few are rejected, a few fail, one is never answered. */
export function answer(n) {
  if (n % 100 === 99) return new Promise(() => undefined)
  if (n % 20 === 7) return Promise.reject(new Error('lost'))
  if (n % 10 === 3) return Promise.resolve(reject)
  return Promise.resolve(fulfill)
}

/** A plugin in process whose other end answers by `answer`. */
export class TrafficPlugin extends EventEmitter {
  static version = 2
  #count = 0
  #connected = false
  dataHandler
  moneyHandler
  answer = answer
  async connect() {
    if (this.#connected) return
    this.#connected = true
    this.emit('connect')
  }
  async disconnect() {
    if (!this.#connected) return
    this.#connected = false
    this.emit('disconnect')
  }
  isConnected() {
    return this.#connected
  }
  sendData(_data) {
    return this.answer(this.#count++)
  }
  async sendMoney(_amount) {}
  registerDataHandler(handler) {
    this.dataHandler = handler
  }
  deregisterDataHandler() {
    this.dataHandler = undefined
  }
  registerMoneyHandler(handler) {
    this.moneyHandler = handler
  }
  deregisterMoneyHandler() {
    this.moneyHandler = undefined
  }
}
