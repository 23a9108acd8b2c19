import { EventEmitter } from 'node:events'

/**
 * A plugin class of its own: with several alive, a call of `sendData` is megamorphic, as in a connector. The other end
 * answers at once with `reply`.
 * @param {Buffer} reply
 */
export function pluginClass(reply) {
  return class BenchPlugin extends EventEmitter {
    static version = 2
    #handler
    async connect() {}
    async disconnect() {}
    isConnected() {
      return true
    }
    async sendData(_data) {
      return reply
    }
    async sendMoney(_amount) {}
    registerDataHandler(handler) {
      this.#handler = handler
    }
    deregisterDataHandler() {
      this.#handler = undefined
    }
    registerMoneyHandler(_handler) {}
    deregisterMoneyHandler() {}
    /** A packet from the wire. */
    receive(data) {
      return this.#handler(data)
    }
  }
}
