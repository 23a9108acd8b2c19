// One end of a relay, in a process of its own: `relay-end.js connector <port of its child> <port of the relay>` or
// `relay-end.js server <port of the relay> <secret of the STREAM server, hex>`. It says on standard output that it is
// ready, and what it receives.
import { createRequire } from 'node:module'
import { connectorOf } from '../connector/app.js'
import { defineMiddleware, wrap } from '@ilp-wrap/core'

const require = createRequire(import.meta.url)
const PluginBtp = require('ilp-plugin-btp')

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)

const ends = {
  /** ilp-connector with two children over BTP: the payer, and, through the relay, the STREAM server. */
  async connector(payerPort, relayPort) {
    const account = (port, secret) => ({
      plugin: 'ilp-wrap/plugin',
      options: {
        plugin: 'ilp-plugin-btp',
        options: { listener: { port: Number(port), secret } },
        middleware: [
          [
            'recommended',
            {
              expire: { maxHoldMs: 5000 },
              // what this plugin sends while nobody is there is lost without a word
              retry: { waitForConnect: { maxMs: 20_000 } },
              balance: { maximum: 'Infinity' }
            }
          ]
        ]
      }
    })
    const connector = connectorOf({
      payer: account(payerPort, 'payer-secret'),
      relay: account(relayPort, 'left-secret')
    })
    // it connects its accounts, and so listens, before all else
    const listening = connector.listen()
    say({ ready: true })
    await listening
  },

  async server(port, secret) {
    const { createServer, DataAndMoneyStream } = require('ilp-protocol-stream')
    // ilp-protocol-stream 2.7 assigns `closed`, which streams of newer Node versions have as a getter only
    Object.defineProperty(DataAndMoneyStream.prototype, 'closed', { value: false, writable: true, configurable: true })
    // the server takes packets before it knows its own address, and answers F00, which ends the sender's connection
    let open
    const ready = new Promise((resolve) => (open = resolve))
    const gate = defineMiddleware({ name: 'gate', place: {} }, () => ({
      handleData: (data, next) => ready.then(() => next(data))
    }))
    const plugin = wrap(new PluginBtp({ listener: { port: Number(port), secret: 'right-secret' } }), [gate])
    say({ ready: true })
    const server = await createServer({ plugin, serverSecret: Buffer.from(secret, 'hex') })
    server.on('connection', (connection) => {
      connection.on('stream', (stream) => {
        stream.setReceiveMax('1000000000')
        stream.on('money', (amount) => say({ money: amount }))
      })
    })
    open()
    // they hold for a process with the same secret that comes after this one
    const connections = Array.from({ length: 10 }, () => {
      const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
      return { address: destinationAccount, sharedSecret: sharedSecret.toString('hex') }
    })
    say({ connections })
  }
}

const [name, ...rest] = process.argv.slice(2)
await ends[name](...rest)
