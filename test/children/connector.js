// ilp-connector on `ilp-wrap/plugin`, in a process of its own: `connector.js <scenario>` prints a report as JSON.
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { balanceOf } from '@ilp-wrap/balance'
import { defineMiddleware, events, wrap } from '@ilp-wrap/core'
import { fulfill, prepare, rejectPacket } from '@ilp-wrap/testing'
import { deserializeIlpReject } from 'ilp-packet'
import { filter, firstValueFrom } from 'rxjs'
import { connectorOf } from '../connector/app.js'
import { btpPeer, endpoint, v1Peer } from '../connector/peers.js'

const require = createRequire(import.meta.url)

const { createConnection, createServer, DataAndMoneyStream } = require('ilp-protocol-stream')
// ilp-protocol-stream 2.7 assigns `closed`, which streams of newer Node versions have as a getter only
Object.defineProperty(DataAndMoneyStream.prototype, 'closed', { value: false, writable: true, configurable: true })

const pathOf = (file) => fileURLToPath(new URL(file, import.meta.url))

const AMOUNT = '1000000'
const KILL_AT = 300_000n

const stack = [
  [
    'recommended',
    {
      balance: { maximum: 'Infinity' },
      // so that a machine under load has the time to reconnect
      retry: { waitForConnect: { maxMs: 10_000 }, holdDisconnectMs: 10_000 }
    }
  ]
]

/** Three accounts on the plugin class: over BTP, by mirror, and of version 1; twice by name, once by path. */
async function threeAccounts() {
  const [btp, v1] = [await endpoint(), await endpoint()]
  const options = (account, given) => ({ account, middleware: stack, ...given })
  const connector = connectorOf(
    {
      btp: {
        plugin: 'ilp-wrap/plugin',
        options: options('btp', {
          plugin: 'ilp-plugin-btp',
          options: { server: btp.uri, reconnectInterval: 20 },
          renewable: true
        })
      },
      mirror: {
        plugin: require.resolve('ilp-wrap/plugin'),
        options: options('mirror', { plugin: pathOf('../connector/admin-mirror.cjs') })
      },
      v1: {
        plugin: 'ilp-wrap/plugin',
        relation: 'peer',
        options: options('v1', {
          plugin: 'ilp-plugin-payment-channel-framework',
          // without a store this plugin keeps no balance of its own
          options: { server: v1.uri, _store: null }
        })
      }
    },
    { settings: { adminApi: true, adminApiPort: 0, routes: [{ targetPrefix: 'test.v1', peerId: 'v1' }] } }
  )
  const ends = { btp: btpPeer(btp.port), mirror: connector.plugin('mirror').mirror, v1: v1Peer(v1.port) }
  await ends.v1.connect()
  await Promise.all([ends.btp.connect(), connector.listen()])
  const close = async () => {
    await connector.shutdown()
    await Promise.all([ends.btp.disconnect(), ends.v1.disconnect()])
  }
  return { connector, ends, close }
}

const ADDRESSES = { btp: 'test.connector.btp', mirror: 'test.connector.mirror', v1: 'test.v1' }

/** What the connector's books say of each account: the balance, and what is held. */
async function booksOf(connector) {
  const all = {}
  for (const id of Object.keys(ADDRESSES)) {
    all[id] = await books(connector.plugin(id))
  }
  return all
}

async function books(plugin) {
  const { committed, holdsIn, holdsOut } = await balanceOf(plugin).snapshot()
  return [committed, holdsIn + holdsOut].map(String)
}

const scenarios = {
  /** Each account sends to each other one. */
  async forwarding() {
    const { connector, ends, close } = await threeAccounts()
    const answers = {}
    for (const end of Object.values(ends)) end.registerDataHandler(async () => fulfill())
    let amount = 1
    for (const from of Object.keys(ends)) {
      for (const to of Object.keys(ends)) {
        if (from === to) continue
        const packet = prepare({ amount, destination: `${ADDRESSES[to]}.carol`, data: Buffer.from(from) })
        amount *= 2
        answers[`${from} to ${to}`] = (await ends[from].sendData(packet))[0]
      }
    }
    const accounts = await connector.admin('GET', '/accounts')
    const posted = await connector.admin('POST', '/accounts/mirror', { note: 'seen' })
    const info = await connector.admin('GET', '/accounts/mirror')
    const report = { answers, books: await booksOf(connector), accounts, posted, info }
    await close()
    return report
  },

  /** The same packets through a connector with its own middleware, and through one with ours. */
  async limits() {
    const report = {}
    for (const [name, limit] of Object.entries(limits)) {
      report[name] = {
        own: await lastAnswer(ownAccounts(limit.own), true, limit),
        ours: await lastAnswer(ourAccounts(limit.ours), false, limit)
      }
    }
    return report
  },

  /** A STREAM payment from the mirror's account to that of BTP, whose side is killed on the way and comes back. */
  async payment() {
    const { connector, ends, close } = await threeAccounts()
    const account = connector.plugin('btp')
    const heard = []
    for (const type of ['connect', 'disconnect', 'error']) account.on(type, () => heard.push(type))
    const seen = {}
    events(account).subscribe(({ type }) => (seen[type] = (seen[type] ?? 0) + 1))
    const sender = new Sender(ends.mirror)

    const server = await createServer({ plugin: ends.btp, serverSecret: randomBytes(32) })
    let received = 0n
    const restarted = new Promise((resolve, reject) => {
      server.on('connection', (connection) => {
        connection.on('stream', (stream) => {
          stream.setReceiveMax(AMOUNT)
          stream.on('money', (amount) => {
            const before = received
            received += BigInt(amount)
            if (before < KILL_AT && received >= KILL_AT) restart().then(resolve, reject)
          })
        })
      })
    })
    async function restart() {
      // What is on its way when a peer dies ends at its expiry with R00, and a STREAM sender gives up for it. So the
      // peer dies between two packets; all that follow find it dead.
      await sender.pause()
      const lost = firstValueFrom(events(account).pipe(filter(({ type }) => type === 'disconnect-held')))
      await ends.btp.disconnect()
      await lost
      sender.resume()
      await sleep(200)
      await ends.btp.connect()
    }

    const connection = await createConnection({
      ...server.generateAddressAndSecret(),
      plugin: sender.plugin,
      maximumPacketAmount: '1000'
    })
    await connection.createStream().sendTotal(AMOUNT)
    await restarted
    const report = {
      delivered: connection.totalDelivered,
      received: String(received),
      books: await booksOf(connector),
      peer: await books(ends.btp),
      heard: [...heard],
      seen
    }
    await connection.end()
    await close()
    return report
  }
}

/**
 * Limits of ilp-connector and ours, and a packet that meets them. `from` is the account it comes from, `to` the one that
 * it goes to; `own` has what ilp-connector's accounts are told, `ours` the options of `recommended`.
 */
const limits = {
  'too many packets': {
    own: { from: { rateLimit: { capacity: 1, refillCount: 1, refillPeriod: 60_000 } } },
    ours: { from: { rateLimit: { incoming: { capacity: 1, refillCount: 1, refillMs: 60_000 } } } },
    packets: [{}, { data: Buffer.of(1) }]
  },
  'too large a packet': {
    own: { from: { maxPacketAmount: '10' } },
    ours: { from: { maxPacketAmount: { maximum: '10', outgoing: false } } },
    packets: [{ amount: 11 }]
  },
  'too much from an account per time': {
    own: { from: { throughput: { incomingAmount: '10', refillPeriod: 60_000 } } },
    ours: { from: { throughput: { incoming: { amount: '10', refillMs: 60_000 } } } },
    packets: [{ amount: 10 }, { amount: 1, data: Buffer.of(1) }]
  },
  'too much to an account per time': {
    own: { to: { throughput: { outgoingAmount: '10', refillPeriod: 60_000 } } },
    ours: { to: { throughput: { outgoing: { amount: '10', refillMs: 60_000 } } } },
    packets: [{ amount: 10 }, { amount: 1, data: Buffer.of(1) }]
  },
  'more than can ever pass': {
    own: { from: { throughput: { incomingAmount: '10', refillPeriod: 60_000 } } },
    ours: { from: { throughput: { incoming: { amount: '10', refillMs: 60_000 } } } },
    packets: [{ amount: 11 }]
  },
  'more than the peer may owe': {
    own: { from: { balance: { maximum: '10' } } },
    ours: { from: { balance: { maximum: '10' } } },
    packets: [{ amount: 10 }, { amount: 1, data: Buffer.of(1) }]
  },
  'more than we may owe': {
    own: { to: { balance: { minimum: '-10', maximum: 'Infinity' } } },
    ours: { to: { balance: { minimum: '-10', maximum: 'Infinity' } } },
    packets: [{ amount: 11 }]
  },
  'a wrong fulfillment': { answer: async () => fulfill({ fulfillment: Buffer.alloc(32) }), packets: [{}] },
  'no answer before the expiry': { answer: () => new Promise(() => undefined), packets: [{ lifeMs: 1000 }] },
  'too short a time': { settings: { minMessageWindow: 5000 }, packets: [{ lifeMs: 8000 }] },
  'a packet that has expired': { packets: [{ lifeMs: -1 }] },
  'no route': { packets: [{ destination: 'test.nowhere' }] },
  'a reject of the peer': { answer: async () => rejectPacket({ code: 'F99', data: Buffer.of(7) }), packets: [{}] },
  'an internal error': { settings: { backend: pathOf('../connector/failing-backend.cjs') }, packets: [{}] },
  'a peer that throws': { answer: () => Promise.reject(new Error('no')), packets: [{}] }
}

/** What the last of some packets comes to, with ilp-connector's own middleware or with ours. */
async function lastAnswer(accounts, own, { packets, settings, answer = async () => fulfill() }) {
  const connector = connectorOf(accounts, { own, settings: { minMessageWindow: 20, ...settings } })
  const [from, to] = ['from', 'to'].map((id) => connector.plugin(id).mirror)
  to.registerDataHandler(answer)
  await connector.listen()
  let reply
  for (const { lifeMs = 20_000, ...fields } of packets) {
    const expiresAt = Date.now() + lifeMs
    reply = await from.sendData(prepare({ destination: 'test.connector.to', expiresAt, ...fields }))
  }
  await connector.shutdown()
  const { code, data } = deserializeIlpReject(reply)
  return { code, data: data.toString('hex') }
}

const mirror = 'ilp-plugin-mirror'

function ownAccounts({ from = {}, to = {} } = {}) {
  return { from: { plugin: mirror, ...from }, to: { plugin: mirror, ...to } }
}

function ourAccounts({ from = {}, to = {} } = {}) {
  const account = (given) => ({
    plugin: 'ilp-wrap/plugin',
    options: {
      plugin: mirror,
      middleware: [['recommended', { balance: { maximum: 'Infinity' }, ...given }]]
    }
  })
  return { from: account(from), to: account(to) }
}

/** The sender's end of a plugin: it can hold back what it has not sent yet. */
class Sender {
  plugin
  #open = 0
  #go
  #gate = Promise.resolve()

  constructor(plugin) {
    const gate = defineMiddleware({ name: 'gate', place: {} }, () => ({
      sendData: async (data, next) => {
        await this.#gate
        this.#open++
        return next(data).finally(() => this.#open--)
      }
    }))
    this.plugin = wrap(plugin, [gate])
  }

  /** Resolves once all that was sent is answered. */
  async pause() {
    this.#gate = new Promise((resolve) => (this.#go = resolve))
    while (this.#open > 0) await sleep(1)
  }

  resume() {
    this.#go()
  }
}

const report = await scenarios[process.argv[2]]()
process.stdout.write(JSON.stringify(report), () => process.exit(0))
