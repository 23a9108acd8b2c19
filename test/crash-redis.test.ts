import { appendFileSync } from 'node:fs'
import type { LedgerStore } from '@ilp-wrap/balance'
import { redisStore } from '@ilp-wrap/store-redis'
import { expect, it } from 'vitest'
import { startRedis } from '../packages/store-redis/test/redis-server.js'
import { describeRedis, sleep } from '../packages/store-redis/test/setup.js'
import { CrashCourse } from './crash/course.js'

/** `npm run soak` kills more often. */
const KILLS = Number(process.env['ILP_WRAP_SOAK_KILLS'] ?? 5)
const SEED = Number(process.env['ILP_WRAP_SOAK_SEED'] ?? 1)
const REPORT = process.env['ILP_WRAP_SOAK_REPORT']
const LEASE_MS = 100

/** A store of the next process, which begins once the lease of the one that was killed has ended. */
function afterLease(store: LedgerStore): LedgerStore {
  return {
    async open(account, observer) {
      await sleep(2 * LEASE_MS)
      return store.open(account, observer)
    },
    accounts: () => store.accounts(),
    close: () => store.close()
  }
}

describeRedis('a process with its books in Redis', () => {
  it(
    `books each fulfill once, or lists it, over ${KILLS} kills at random points`,
    { timeout: KILLS * 20_000 },
    async () => {
      const server = await startRedis()
      const options = { url: server.url, leaseMs: LEASE_MS }
      const store = { kind: 'redis', options, open: () => afterLease(redisStore(options)) }
      const course = new CrashCourse(store, SEED)
      for (let kill = 0; kill < KILLS; kill++) await course.kill()
      const { report } = course
      if (REPORT !== undefined) appendFileSync(REPORT, `${JSON.stringify({ store: 'redis', ...report })}\n`)
      expect(report.passedToPeer + report.passedToHost).toBeGreaterThan(report.unconfirmed)
      expect(report.unconfirmed).toBeGreaterThan(report.unconfirmedPassed)
      await server.stop()
    }
  )
})
