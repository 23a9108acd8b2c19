import { randomBytes } from 'node:crypto'
import { wrap } from '@ilp-wrap/core'
import { loopbackPair } from '@ilp-wrap/testing'
import { recommended } from 'ilp-wrap'
import PluginBtp from 'ilp-plugin-btp'
import { addresses } from '../../packages/ilp-wrap/dist/demo/addresses.js'
import { freePort } from '../../packages/ilp-wrap/dist/demo/link.js'
import { loadDemoPackages } from '../../packages/ilp-wrap/dist/demo/packages.js'
import { compare } from '../lib/measure.js'

/** A whole STREAM payment, bare and through the recommended stack at both ends. STREAM sends one packet at a time. */

const PACKET = 1_000
const PACKETS = 1_000
const AMOUNT = String(PACKET * PACKETS)

const stack = () => recommended({ balance: { maximum: Infinity }, logging: false })

const links = {
  'in process': () => {
    const { alice, bob } = loopbackPair()
    return [alice, bob]
  },
  'over BTP': async () => {
    const port = await freePort()
    const listener = { port, secret: 'bench', wsOpts: { host: '127.0.0.1', port } }
    return [new PluginBtp({ server: `btp+ws://:bench@127.0.0.1:${port}` }), new PluginBtp({ listener })]
  }
}

const contenders = { bare: () => [], wrapped: stack }

/** Gives what pays once over a new pair of plugins; the pair is made and let go of each time. */
function payment(link, middleware) {
  return async () => {
    const { startServer, startConnection } = await loadDemoPackages()
    const [from, to] = await links[link]()
    const [sender, receiver] = [
      wrap(from, [...middleware(), addresses('test.sender', 'XYZ', 6)]),
      wrap(to, [...middleware(), addresses('test.receiver', 'XYZ', 6)])
    ]
    await Promise.all([receiver.connect(), sender.connect()])
    const server = await startServer({ plugin: receiver, serverSecret: randomBytes(32) })
    server.on('connection', (connection) => connection.on('stream', (stream) => stream.setReceiveMax(AMOUNT)))
    const connection = await startConnection({
      ...server.generateAddressAndSecret(),
      plugin: sender,
      maximumPacketAmount: String(PACKET)
    })
    await connection.createStream().sendTotal(AMOUNT)
    if (connection.totalDelivered !== AMOUNT) throw new Error(`${connection.totalDelivered} units were delivered`)
    await connection.end()
    await Promise.all([sender.disconnect(), receiver.disconnect()])
  }
}

export async function run() {
  const tables = []
  for (const link of Object.keys(links)) {
    const runs = Object.fromEntries(
      Object.entries(contenders).map(([name, middleware]) => [
        name,
        // as many payments as its packets are: what is timed is a packet
        async (packets) => {
          for (let sent = 0; sent < packets; sent += PACKETS) await payment(link, middleware)()
        }
      ])
    )
    tables.push({
      title: `a STREAM payment of ${PACKETS} packets, ${link}`,
      rows: await compare('bare', runs, { rounds: 7, minMs: 500 })
    })
  }
  return tables
}
