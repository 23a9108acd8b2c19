import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { balanceOf } from '@ilp-wrap/balance'
import { events, wrap } from '@ilp-wrap/core'
import type { Middleware, PluginClass, PluginV2 } from '@ilp-wrap/core'
import { deserializeIlpPrepare, isIlpReply, serializeIlpReply } from 'ilp-packet'
import type { IlpPrepare, IlpReply } from 'ilp-packet'
import { recommended } from 'ilp-wrap'
import { expect, it } from 'vitest'
import { addresses } from '../packages/ilp-wrap/src/demo/addresses.js'
import { freePort } from '../packages/ilp-wrap/src/demo/link.js'

/** A payment by the field's newer pair, @interledger/pay and @interledger/stream-receiver, over BTP. */

// CommonJS, whose types do not pass today's compiler
const require = createRequire(import.meta.url)
const PluginBtp = require('ilp-plugin-btp') as PluginClass
const { quote } = require('@interledger/pay') as {
  quote: (options: {
    plugin: PluginV2
    destinationAddress: string
    sharedSecret: Buffer
    destinationAsset: { assetCode: string; assetScale: number }
    amountToSend: string
  }) => Promise<{ pay: () => Promise<Receipt> }>
}
const { StreamServer } = require('@interledger/stream-receiver') as {
  StreamServer: new (options: { serverSecret: Buffer; serverAddress: string }) => Receiver
}

interface Receipt {
  error?: string
  amountSent: { toString(): string }
  amountDelivered: { toString(): string }
}

interface Receiver {
  generateCredentials(options: { asset: { code: string; scale: number } }): {
    ilpAddress: string
    sharedSecret: Buffer
  }
  createReply(prepare: IlpPrepare): IlpReply | { accept(): IlpReply }
}

it('@interledger/pay pays 1,000,000 units to stream-receiver through the recommended stack', async () => {
  const port = await freePort()
  const asset = { assetCode: 'XYZ', assetScale: 0 }
  const stack = (account: string, address: string, inner: PluginV2): PluginV2 => {
    const list = recommended({ balance: { maximum: 1_000_000n }, maxPacketAmount: { maximum: 50_000n } })
    const host = addresses(address, asset.assetCode, asset.assetScale)
    return wrap(inner, [...list, host] as Middleware[], { account })
  }
  const sender = stack('sender', 'test.sender', new PluginBtp({ server: `btp+ws://:pay@127.0.0.1:${port}` }))
  const listener = { port, secret: 'pay', wsOpts: { host: '127.0.0.1', port } }
  const receiver = stack('receiver', 'test.receiver', new PluginBtp({ listener }))

  const server = new StreamServer({ serverSecret: randomBytes(32), serverAddress: 'test.receiver' })
  let received = 0n
  let greatest = 0n
  receiver.registerDataHandler((data) => {
    const prepare = deserializeIlpPrepare(data)
    const money = server.createReply(prepare)
    if (isIlpReply(money)) return Promise.resolve(serializeIlpReply(money))
    const amount = BigInt(prepare.amount)
    received += amount
    if (amount > greatest) greatest = amount
    return Promise.resolve(serializeIlpReply(money.accept()))
  })
  const refused: string[] = []
  events(sender).subscribe((event) => {
    if (event.type === 'packet-rejected') refused.push(event.code)
  })
  await Promise.all([receiver.connect(), sender.connect()])

  const { ilpAddress, sharedSecret } = server.generateCredentials({ asset: { code: 'XYZ', scale: 0 } })
  const { pay } = await quote({
    plugin: sender,
    destinationAddress: ilpAddress,
    sharedSecret,
    destinationAsset: asset,
    amountToSend: '1000000'
  })
  const { error, amountSent, amountDelivered } = await pay()
  expect(error).toBeUndefined()
  expect([amountSent.toString(), amountDelivered.toString(), received]).toEqual(['1000000', '1000000', 1_000_000n])
  expect((await balanceOf(sender).snapshot()).committed).toBe(-1_000_000n)
  expect((await balanceOf(receiver).snapshot()).committed).toBe(1_000_000n)
  // it learned from the data of an F08 what the greatest packet is, to the unit
  expect([refused.includes('F08'), greatest]).toEqual([true, 50_000n])
  await receiver.disconnect()
}, 60_000)
