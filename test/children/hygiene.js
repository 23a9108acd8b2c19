/**
 * Drives one stack and prints, as JSON, what it left behind: timers after disconnect, listeners and handlers after
 * unwrap, unhandled rejections. Arguments: the stack's name.
 */
import { unwrap, wrap } from '@ilp-wrap/core'
import { stacks } from './stacks.js'
import { TrafficPlugin, prepare } from './traffic.js'

const unhandled = []
process.on('unhandledRejection', (reason) => unhandled.push(String(reason)))
process.on('uncaughtException', (error) => unhandled.push(String(error)))

const names = ['connect', 'disconnect', 'error', 'other']
const counts = (plugin) => names.map((name) => plugin.listenerCount(name))
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

const inner = new TrafficPlugin()
inner.on('connect', () => undefined)
const before = { listeners: counts(inner), timers: timers() }
const plugin = wrap(inner, stacks[process.argv[2]](), { account: 'alice' })
for (const name of names) plugin.on(name, () => undefined)
plugin.registerDataHandler(async () => Buffer.alloc(0))
plugin.registerMoneyHandler(async () => undefined)
await plugin.connect()

// nothing here outlives its packet's expiry but for the plugin's own never-answered promises
const LIFE_MS = 200
const sent = []
for (let i = 0; i < 200; i++) {
  sent.push(Promise.resolve(plugin.sendData(prepare(LIFE_MS))).catch(() => undefined))
  inner.dataHandler(prepare(LIFE_MS)).catch(() => undefined)
}
await plugin.sendMoney('5')
const settled = Promise.all(sent)
await new Promise((resolve) => setTimeout(resolve, LIFE_MS * 2))
void settled
await plugin.disconnect()
await new Promise((resolve) => setTimeout(resolve, 20))
const afterDisconnect = timers()
unwrap(plugin)
await new Promise((resolve) => setTimeout(resolve, 5))

process.stdout.write(
  JSON.stringify({
    unhandled,
    timers: [before.timers, afterDisconnect],
    listeners: [before.listeners, counts(inner)],
    handlers: [inner.dataHandler, inner.moneyHandler].filter((handler) => handler !== undefined).length
  })
)
