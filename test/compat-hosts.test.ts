import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { deserializeIlpFulfill, deserializeIlpPrepare, deserializeIlpReject } from 'ilp-packet'
import { afterEach, describe, expect, it } from 'vitest'
import { compat } from '@ilp-wrap/compat'
import { systemClock, wrap } from '@ilp-wrap/core'
import type { PluginV2 } from '@ilp-wrap/core'
import { FULFILLMENT, fulfill, legacyPair, loopbackPair, prepare, rejectPacket } from '@ilp-wrap/testing'
import { loadDemoPackages } from '../packages/ilp-wrap/src/demo/packages.js'
import { frameworkPair } from './compat-plugins.js'
import type { MakePair } from './compat-plugins.js'

/** Real hosts on wrapped v1 plugins: STREAM, and a connector. */

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const inProcess: MakePair = async () => {
  const { alice, bob } = legacyPair()
  const [a, b] = [wrap(alice, [compat()]), wrap(bob, [compat()])]
  await b.connect()
  const close = async (): Promise<void> => {
    await Promise.all([a.disconnect(), b.disconnect()])
  }
  return { v1: [alice, bob], a, b, destination: 'test.legacy.bob', close }
}

describe.each<[string, MakePair]>([
  ['ilp-plugin-payment-channel-framework', frameworkPair(true)],
  ['two plugins in process', inProcess]
])('a STREAM payment over %s', (_, make) => {
  it('of 1,000,000 units arrives in full', { timeout: 60_000 }, async () => {
    const { a, b, v1, close } = await make()
    cleanups.push(close)
    const { startServer, startConnection } = await loadDemoPackages()
    const server = await startServer({ plugin: b, serverSecret: randomBytes(32) })
    let received = 0n
    server.on('connection', (connection) => {
      connection.on('stream', (stream) => {
        stream.setReceiveMax('1000000')
        stream.on('money', (units) => {
          received += BigInt(units)
        })
      })
    })
    const connection = await startConnection({
      ...server.generateAddressAndSecret(),
      plugin: a,
      maximumPacketAmount: '10000'
    })
    await connection.createStream().sendTotal('1000000')
    expect(received).toBe(1_000_000n)
    expect(connection.totalDelivered).toBe('1000000')
    // what was delivered has moved on the ledger, no more and no less
    expect(await v1[1].getBalance?.()).toBe('1000000')
    await connection.end()
  })
})

interface Connector {
  listen(): Promise<void>
  shutdown(): Promise<void>
}

// CommonJS, whose types do not pass today's compiler
const { createApp } = createRequire(import.meta.url)('ilp-connector') as {
  createApp: (options: object) => Connector
}

it('ilp-connector forwards both ways between an account on a wrapped v1 plugin and one on a v2 plugin', async () => {
  const old = await frameworkPair(true)()
  const { alice, bob } = loopbackPair()
  const account = { relation: 'peer', assetCode: 'XRP', assetScale: 6 }
  const connector = createApp({
    env: 'test',
    ilpAddress: 'test.connector',
    accounts: { old: { ...account, plugin: old.a }, new: { ...account, plugin: alice } },
    routes: [
      { targetPrefix: 'test.old', peerId: 'old' },
      { targetPrefix: 'test.new', peerId: 'new' }
    ],
    backend: 'one-to-one',
    spread: 0,
    store: 'memory'
  })
  cleanups.push(
    () => old.b.disconnect(),
    () => bob.disconnect(),
    () => connector.shutdown()
  )
  await bob.connect()
  const seen: string[] = []
  const host = (plugin: PluginV2): void => {
    plugin.registerDataHandler(async (data) => {
      const { destination, amount, data: content } = deserializeIlpPrepare(data)
      // the connectors of two peers tell each other of their routes
      if (destination.startsWith('peer.')) return rejectPacket('F00')
      seen.push(`${amount} to ${destination}`)
      return amount === '1' ? rejectPacket({ code: 'F99', message: 'no' }) : fulfill({ data: content })
    })
  }
  host(old.b)
  host(bob)
  await connector.listen()

  const send = (plugin: PluginV2, destination: string, amount: number, data = destination): Promise<Buffer> =>
    plugin.sendData(prepare({ amount, destination, data: Buffer.from(data), expiresAt: systemClock.now() + 20_000 }))
  for (const [plugin, destination] of [
    [old.b, 'test.new.carol'],
    [bob, 'test.old.dave']
  ] as const) {
    const answer = { fulfillment: FULFILLMENT, data: Buffer.from(destination) }
    expect(deserializeIlpFulfill(await send(plugin, destination, 100))).toEqual(answer)
    expect(deserializeIlpReject(await send(plugin, destination, 1))).toMatchObject({ code: 'F99', message: 'no' })
    // the connector takes packets that are the same for one
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => send(plugin, destination, 2, String(i))))
    expect(answers.every((each) => each[0] === 13)).toBe(true)
  }
  expect(seen.filter((each) => each === '2 to test.new.carol' || each === '2 to test.old.dave')).toHaveLength(100)
  // 100 and fifty times 2, each way
  expect(await old.v1[1].getBalance?.()).toBe('0')
})
