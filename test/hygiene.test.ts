import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { stacks } from './children/stacks.js'

const MEGABYTE = 2 ** 20

async function child(script: string, stack: string): Promise<unknown> {
  const path = fileURLToPath(new URL(`children/${script}.js`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path, stack], { timeout: 120_000 })
  return JSON.parse(stdout) as unknown
}

describe.each(Object.keys(stacks))('%s', (stack) => {
  it('leaves no timer after disconnect, no listener or handler after unwrap, no unhandled rejection', async () => {
    const { unhandled, timers, listeners, handlers } = (await child('hygiene', stack)) as {
      unhandled: string[]
      timers: [number, number]
      listeners: [number[], number[]]
      handlers: number
    }
    expect(unhandled).toEqual([])
    expect(timers[1]).toBe(timers[0])
    expect(listeners[1]).toEqual(listeners[0])
    expect(handlers).toBe(0)
  })

  it('keeps the heap flat over a million packets', { timeout: 120_000 }, async () => {
    const { growth } = (await child('heap', stack)) as { growth: number }
    expect(growth).toBeLessThan(MEGABYTE)
  })
})
