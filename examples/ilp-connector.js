// The same packets through ilp-connector with its own middleware (before.json) and with ours in their stead (after.json).
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import { fulfill, prepare } from '@ilp-wrap/testing'

const require = createRequire(import.meta.url)
const { createApp } = require('ilp-connector')
// its log, which goes to standard output
require('ilp-connector/dist/common/log.js').setOutputStream(new PassThrough().resume())

for (const file of ['before.json', 'after.json']) {
  const config = JSON.parse(readFileSync(new URL(`ilp-connector/${file}`, import.meta.url), 'utf8'))
  const connector = createApp(config)
  // ilp-plugin-mirror has its other end with it
  const [alice, bob] = ['alice', 'bob'].map((account) => connector.getPlugin(account).mirror)
  bob.registerDataHandler(async () => fulfill())
  const settlement = new Promise((resolve) => bob.registerMoneyHandler(async (amount) => resolve(amount)))
  await connector.listen()
  for (const amount of [501, 400, 300, 200]) {
    const reply = await alice.sendData(prepare({ destination: 'test.connector.bob', amount }))
    console.log(`${file}: ${amount} from alice to bob:`, isFulfill(reply) ? 'fulfilled' : rejectCode(reply))
  }
  console.log(`${file}: settled with bob:`, await settlement)
  await connector.shutdown()
}
