// ilp-connector 23, embedded. It loads `ilp-wrap/plugin` by itself, so it runs on what was built.
import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'

const require = createRequire(import.meta.url)
const { createApp } = require('ilp-connector')
const AdminApi = require('ilp-connector/dist/services/admin-api.js').default
const reduct = require('reduct')

// it would tell of each account on standard output
require('ilp-connector/dist/common/log.js').setOutputStream(new PassThrough().resume())

/** Those of its middleware whose jobs are done by ours. */
const REPLACED = [
  'errorHandler',
  'rateLimit',
  'maxPacketAmount',
  'throughput',
  'balance',
  'deduplicate',
  'validateFulfillment',
  'expire',
  'stats'
]

/** All of them; `echo` and `alert` have no counterpart among ours. */
export const BUILT_IN = [...REPLACED, 'echo', 'alert']

/**
 * A connector `test.connector` that forwards one to one. An account `bob` has the address `test.connector.bob`.
 * @param {Record<string, object>} accounts by id, as its configuration has them
 * @param {{ own?: boolean, settings?: object }} [options] `own`: its own middleware are in use, too
 */
export function connectorOf(accounts, { own = false, settings = {} } = {}) {
  const container = reduct()
  const app = createApp(
    {
      env: 'test',
      ilpAddress: 'test.connector',
      accounts: Object.fromEntries(
        Object.entries(accounts).map(([id, account]) => [
          id,
          { relation: 'child', assetCode: 'XRP', assetScale: 6, ...account }
        ])
      ),
      disableMiddleware: own ? [] : REPLACED,
      backend: 'one-to-one',
      spread: 0,
      store: 'memory',
      ...settings
    },
    container
  )
  return {
    listen: app.listen,
    plugin: (id) => app.getPlugin(id),
    /** Asks its admin API, which `settings` must have switched on. */
    async admin(method, path, body) {
      const { port } = container(AdminApi).server.address()
      const response = await globalThis.fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        body: body && JSON.stringify(body)
      })
      return response.json()
    },
    async shutdown() {
      await app.shutdown()
      container(AdminApi).server?.close()
    }
  }
}
