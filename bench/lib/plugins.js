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

/**
 * The two ways a packet goes, and a host that answers it: `send` is what the host calls, `receive` what the plugin calls.
 * @param {InstanceType<ReturnType<typeof pluginClass>>} inner
 * @param {import('@ilp-wrap/core').PluginV2} plugin around it, or itself
 * @param {(data: Buffer) => Promise<Buffer>} answer
 */
export function ends(inner, plugin, answer) {
  plugin.registerDataHandler(answer)
  return { send: (data) => plugin.sendData(data), receive: (data) => inner.receive(data) }
}
