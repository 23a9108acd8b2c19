// Who is at the other end of a connector's accounts.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { balance } from '@ilp-wrap/balance'
import { compat } from '@ilp-wrap/compat'
import { wrap } from '@ilp-wrap/core'
import { renewable } from '@ilp-wrap/renewable'

const require = createRequire(import.meta.url)
const PluginBtp = require('ilp-plugin-btp')
const PluginFramework = require('ilp-plugin-payment-channel-framework')

const SECRET = 'canary'

/** A free port of loopback, and the URI that a client of it is configured with. */
export async function endpoint() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return { port, uri: `btp+ws://:${SECRET}@127.0.0.1:${port}` }
}

/** A BTP listener that can be disconnected, and connect again on the same port with the same books. */
export function btpPeer(port) {
  const create = () => new PluginBtp({ listener: { port, secret: SECRET } })
  return wrap(renewable(create), [balance({ maximum: Infinity })])
}

class PluginStore {
  #values = new Map()
  async get(key) {
    return this.#values.get(key)
  }
  async put(key, value) {
    this.#values.set(key, value)
  }
  async del(key) {
    this.#values.delete(key)
  }
}

/** The listener at the other end of a v1 account, ilp-plugin-payment-channel-framework. */
export function v1Peer(port) {
  const prefix = 'test.framework.'
  const listener = new PluginFramework({
    listener: { port },
    incomingSecret: SECRET,
    prefix,
    info: { prefix, currencyCode: 'XRP', currencyScale: 6, connectors: [`${prefix}server`] },
    _store: new PluginStore(),
    maxBalance: '1000000000',
    minBalance: '-1000000000'
  })
  return wrap(listener, [compat({ connector: `${prefix}client` })])
}
