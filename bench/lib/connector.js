import { createRequire } from 'node:module'

/** ilp-connector's own middleware, without the rest of it. */

const require = createRequire(import.meta.url)

/** All but `echo`, which answers a test packet of its own and does nothing to others. */
export const BUILT_IN = [
  'errorHandler',
  'rateLimit',
  'maxPacketAmount',
  'throughput',
  'balance',
  'deduplicate',
  'expire',
  'validateFulfillment',
  'stats',
  'alert'
]

const most = '1'.padEnd(30, '0')

/** Limits so wide that nothing is refused. */
const info = {
  rateLimit: { capacity: 1e9, refillCount: 1e9, refillPeriod: 1000 },
  maxPacketAmount: most,
  throughput: { incomingAmount: most, outgoingAmount: most, refillPeriod: 1000 },
  balance: { maximum: most, minimum: `-${most}` }
}

/**
 * Its MiddlewareManager over stubs of its services, with all but the `wanted` middleware disabled. Its counters are
 * stubs, too, so that what `stats` costs here is the calls alone.
 * @param {object} inner the plugin
 * @param {string[]} wanted
 * @param {(data: Buffer) => Promise<Buffer>} answer what it hands incoming packets to
 */
export async function connector(inner, wanted, answer) {
  const load = (name) => require(`ilp-connector/dist/services/${name}.js`).default
  const MiddlewareManager = load('middleware-manager')
  // a line on standard output for each balance that is set up; what packets log stays
  require('ilp-connector/dist/common/log.js').ConnectorLogger.prototype.info = () => undefined
  const nothing = { increment: () => undefined, setValue: () => undefined }
  const services = new Map([
    [load('config'), { disableMiddleware: [...BUILT_IN, 'echo'].filter((name) => !wanted.includes(name)) }],
    [
      load('accounts'),
      {
        getInfo: () => info,
        getOwnAddress: () => 'g.bench',
        getAccountIds: () => ['peer'],
        getPlugin: () => inner
      }
    ],
    [load('core'), { processData: answer }],
    [load('stats'), new Proxy({}, { get: () => nothing })]
  ])
  const manager = new MiddlewareManager((service) => services.get(service))
  await manager.setup()
  return { send: (data) => manager.sendData(data, 'peer'), receive: (data) => inner.receive(data) }
}
