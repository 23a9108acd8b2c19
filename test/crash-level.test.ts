import { appendFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { levelStore } from '@ilp-wrap/store-level'
import { expect, it } from 'vitest'
import { CrashCourse } from './crash/course.js'

/** `npm run soak` kills more often. */
const KILLS = Number(process.env['ILP_WRAP_SOAK_KILLS'] ?? 20)
const SEED = Number(process.env['ILP_WRAP_SOAK_SEED'] ?? 1)
const REPORT = process.env['ILP_WRAP_SOAK_REPORT']

it(
  `books each fulfill once, or lists it, over ${KILLS} kills at random points`,
  { timeout: KILLS * 20_000 },
  async () => {
    const location = await mkdtemp(join(tmpdir(), 'ilp-wrap-crash-'))
    try {
      const course = new CrashCourse(
        { kind: 'level', options: { location }, open: () => levelStore({ location }) },
        SEED
      )
      for (let kill = 0; kill < KILLS; kill++) await course.kill()
      const { report } = course
      if (REPORT !== undefined) appendFileSync(REPORT, `${JSON.stringify({ store: 'level', ...report })}\n`)
      // a course in which nothing is lost proves nothing
      expect(report.unconfirmed).toBeGreaterThan(report.unconfirmedPassed)
      expect(report.lost).toBeGreaterThan(report.lostFulfilled)
      expect(report.lostFulfilled).toBeGreaterThan(0)
      // most is confirmed by the time of the kill
      expect(report.passedToPeer + report.passedToHost).toBeGreaterThan(report.unconfirmed)
    } finally {
      await rm(location, { recursive: true, force: true })
    }
  }
)
