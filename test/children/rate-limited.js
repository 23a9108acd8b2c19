/**
 * One of several processes that share a rate limit in Redis: sends packets, and tells its parent how many went on.
 * Arguments: the url of Redis, how many packets, how many points there are.
 */
import { wrap } from '@ilp-wrap/core'
import { isFulfill, rejectCode } from '@ilp-wrap/core/packet'
import { rateLimit } from '@ilp-wrap/rate-limit'
import { fulfill, prepare } from '@ilp-wrap/testing'
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { pluginClass } from '../../bench/lib/plugins.js'

const [url, packets, points] = process.argv.slice(2)

const client = new Redis(url, { enableOfflineQueue: false })
await new Promise((resolve) => client.once('ready', resolve))
const limiter = new RateLimiterRedis({ storeClient: client, points: Number(points), duration: 3600 })
const plugin = wrap(new (pluginClass(fulfill()))(), [rateLimit({ limiter, onLimiterError: 'reject' })])

process.once('message', async () => {
  const replies = await Promise.all(Array.from({ length: Number(packets) }, () => plugin.sendData(prepare())))
  const passed = replies.filter(isFulfill).length
  const refused = replies.filter((reply) => rejectCode(reply) === 'T05').length
  client.disconnect()
  process.send({ passed, refused }, () => process.disconnect())
})
process.send('ready')
