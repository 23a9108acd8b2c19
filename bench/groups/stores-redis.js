import { balance } from '@ilp-wrap/balance'
import { wrap } from '@ilp-wrap/core'
import { redisStore } from '@ilp-wrap/store-redis'
import { Redis } from 'ioredis'
import { program, startRedis } from '../../packages/store-redis/test/redis-server.js'
import { compare, inFlight } from '../lib/measure.js'
import { fulfill, prepare } from '../lib/packets.js'
import { pluginClass } from '../lib/plugins.js'

/**
 * What a packet costs whose books are in Redis, on this machine, without a disk: one hold and one commit, against two
 * bare EVALSHA calls with the same client. `ACCOUNTS=1000000` measures the memory of so many accounts instead.
 */

const limits = { maximum: 10n ** 30n, minimum: -(10n ** 30n) }

export async function run() {
  if (program === undefined) return [{ title: 'skipped: no redis-server is installed', head: [], cells: [] }]
  const server = await startRedis()
  const client = new Redis(server.url, { enableAutoPipelining: true })
  try {
    const accounts = Number(process.env.ACCOUNTS ?? 0)
    return [accounts > 0 ? await memory(client, accounts) : await packets(client)]
  } finally {
    client.disconnect()
    await server.stop()
  }
}

async function packets(client) {
  const store = redisStore({ client })
  const BenchPlugin = pluginClass(fulfill)
  const inner = new BenchPlugin()
  const plugin = wrap(inner, [balance({ ...limits, ledger: store })], { account: 'bench' })
  await plugin.connect()

  const nothing = await client.script('LOAD', 'return 1')
  // the least that a hold and a commit could be: numbers below 2^53 and no memory of what was done
  const hold = await client.script(
    'LOAD',
    `local held = tonumber(redis.call('HGET', KEYS[1], 'held') or 0) + ARGV[2]
    if held > tonumber(ARGV[3]) then return 0 end
    redis.call('HSET', KEYS[1], 'held', held)
    return 1`
  )
  const commit = await client.script(
    'LOAD',
    `redis.call('HINCRBY', KEYS[1], 'held', -ARGV[2])
    redis.call('HINCRBY', KEYS[1], 'committed', ARGV[2])
    return 1`
  )
  const id = '00000000-0000-0000-0000-000000000000-1'
  const rows = await compare(
    'two bare EVALSHA calls that do nothing',
    {
      'two bare EVALSHA calls that do nothing': inFlight(async () => {
        await client.evalsha(nothing, 1, 'bare', id, '100')
        await client.evalsha(nothing, 1, 'bare', id, '100')
      }),
      'two bare EVALSHA calls, the least of a hold and a commit': inFlight(async () => {
        await client.evalsha(hold, 1, 'bare', id, '100', '1000000000000')
        await client.evalsha(commit, 1, 'bare', id, '100')
      }),
      'a packet through balance() over redisStore()': inFlight(() => plugin.sendData(prepare))
    },
    { rounds: 15 }
  )
  await plugin.disconnect()
  await store.close()
  return { title: 'one packet, 100 in flight', rows }
}

/** Accounts that money came to: a balance, and an id that is known for an hour; then at rest, without the id. */
async function memory(client, accounts) {
  const used = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))[1])
  const before = await used()
  const chunk = 10_000
  for (let from = 0; from < accounts; from += chunk) {
    const store = redisStore({ client, timeoutMs: 60_000 })
    await inFlight(async (index) => {
      const ledger = await store.open(`peer-${from + index}`)
      await ledger.move(`payment-${from + index}`, BigInt(from + index) * -1_000_003n, 'money-in')
    }, 1000)(chunk)
    await store.close()
  }
  const busy = await used()
  for (let from = 0; from < accounts; from += chunk) {
    await client.del(Array.from({ length: chunk }, (_, index) => `ilp-wrap:{1:peer-${from + index}}:moved`))
  }
  const cells = [
    ['money came within the hour', ((busy - before) / accounts).toFixed(0)],
    ['at rest', (((await used()) - before) / accounts).toFixed(0)]
  ]
  return { title: `${accounts} accounts`, head: ['', 'bytes each'], cells }
}
