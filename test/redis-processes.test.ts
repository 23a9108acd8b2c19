import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { redisStore } from '@ilp-wrap/store-redis'
import { expect, it } from 'vitest'
import { startRedis } from '../packages/store-redis/test/redis-server.js'
import { describeRedis } from '../packages/store-redis/test/setup.js'

const PROCESSES = 4
const PACKETS = 2_500
/** Of 10,000 packets of 500 units on average, about half find room. */
const MAXIMUM = 2_500_000n

interface Told {
  held: number
  heldCount: number
  fulfilled: number
  refused: number
  other: number
}

describeRedis('four processes over one account', () => {
  it('never pass its maximum with 10,000 packets in flight, and book the exact sum', async () => {
    const server = await startRedis()
    const script = fileURLToPath(new URL('children/redis-process.js', import.meta.url))
    const children = Array.from({ length: PROCESSES }, (_, seed) =>
      fork(script, [server.url, String(PACKETS), String(MAXIMUM), String(seed)], { execArgv: [] })
    )
    const all = async <T>(message?: string): Promise<T[]> => {
      const answers = children.map(async (child: ChildProcess) => (await once(child, 'message'))[0] as T)
      if (message !== undefined) for (const child of children) child.send(message)
      return Promise.all(answers)
    }
    const sum = (told: Told[], name: keyof Told): number => told.reduce((total, one) => total + one[name], 0)

    await all()
    const store = redisStore({ url: server.url })
    const ledger = await store.open('shared')
    let highest = 0n
    const watching = { on: true }
    const watch = (async () => {
      while (watching.on) {
        const { committed, holdsIn } = await ledger.snapshot()
        if (committed + holdsIn > highest) highest = committed + holdsIn
      }
    })()

    const inFlight = await all<Told>('take')
    expect(sum(inFlight, 'heldCount') + sum(inFlight, 'refused')).toBe(PROCESSES * PACKETS)
    expect(sum(inFlight, 'other')).toBe(0)
    // all that found room, and nothing else; what was refused last did not fit any more
    const held = (await ledger.snapshot()).holdsIn
    expect(held).toBe(BigInt(sum(inFlight, 'held')))
    expect(held <= MAXIMUM && held > MAXIMUM - 1000n).toBe(true)

    const ended = await all<Told>('answer')
    expect(sum(ended, 'fulfilled')).toBeGreaterThan(0)
    watching.on = false
    await watch
    expect(highest <= MAXIMUM && highest > MAXIMUM - 1000n).toBe(true)

    const exits = children.map((child) => once(child, 'exit'))
    for (const child of children) child.send('end')
    expect((await Promise.all(exits)).map(([code]) => code as number)).toEqual([0, 0, 0, 0])
    const { committed, holdsIn } = await ledger.snapshot()
    expect([committed, holdsIn]).toEqual([BigInt(sum(ended, 'fulfilled')), 0n])
    expect((await ledger.outstanding()).holds).toEqual([])
    await store.close()
    await server.stop()
  })
})
