import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const bin = fileURLToPath(new URL('../packages/ilp-wrap/dist/bin.js', import.meta.url))
const run = promisify(execFile)

interface Result {
  complete: boolean
  btp: Payment
  legacy: Payment
}

interface Payment {
  sent: string
  delivered: string
  balances: { sender: string; receiver: string }
  faults: Record<string, number>
}

describe('the main job', () => {
  it.each([1, 2, 3, 4, 5])(
    'delivers every unit once over the flaky link, and both books agree: seed %i',
    { timeout: 60_000 },
    async (seed) => {
      const { stdout, stderr } = await run(process.execPath, [bin, 'demo', '--seed', String(seed), '--json'])
      const result = JSON.parse(stdout) as Result
      expect(stderr).toBe('')
      const payment = {
        sent: '1000000',
        delivered: '1000000',
        balances: { sender: '-1000000', receiver: '1000000' }
      }
      expect(result).toMatchObject({ complete: true, btp: payment, legacy: payment })
      // it was no plain sailing
      for (const { faults } of [result.btp, result.legacy]) {
        expect(faults['reject']).toBeGreaterThan(0)
        expect(faults['delay']).toBeGreaterThan(0)
      }
    }
  )

  it('prints progress lines and a table, and ends by itself', { timeout: 60_000 }, async () => {
    const { stdout } = await run(process.execPath, [bin, 'demo', '--amount', '20000', '--packet', '100'])
    expect(stdout).toMatch(/delivered 10000 of 20000 units\n/)
    expect(stdout).toMatch(/units delivered\W+20000/)
    expect(stdout).toMatch(/Every unit has arrived, once, and the books of both ends agree\./)
    expect((await run(process.execPath, [bin, 'demo', '--amount', '1000', '--quiet'])).stdout).toBe('')
  })

  it('refuses bad arguments in one line', async () => {
    for (const args of [['--amount', '0'], ['--packet', 'x'], ['--seed', '-1'], ['--nonsense']]) {
      await expect(run(process.execPath, [bin, 'demo', ...args])).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^error: .+\n$/) as string
      })
    }
    expect((await run(process.execPath, [bin, '--help'])).stdout).toContain('demo')
  })
})
