import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const MEGABYTE = 2 ** 20

interface Report {
  readonly unhandled: string[]
  readonly heap: number[]
  readonly outcomes: Record<string, number>
  readonly left: number[]
  readonly timers: number
  readonly listeners: number[]
}

it(
  '200,000 transfers over v1 plugins, a tenth of them never answered, leave nothing behind',
  { timeout: 120_000 },
  async () => {
    const script = fileURLToPath(new URL('children/compat.js', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, '200000'], {
      timeout: 120_000
    })
    const { unhandled, heap, outcomes, left, timers, listeners } = JSON.parse(stdout) as Report
    expect(unhandled).toEqual([])
    expect(outcomes).toEqual({ 13: 180_000, 14: 20_000 })
    // the first tenth fills what is remembered of the past
    expect((heap.at(-1) as number) - (heap[0] as number)).toBeLessThan(MEGABYTE)
    expect(left).toEqual([0, 0])
    expect(timers).toBe(0)
    expect(listeners.every((count) => count === 0)).toBe(true)
  }
)
