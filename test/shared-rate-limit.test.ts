import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { startRedis } from '../packages/store-redis/test/redis-server.js'
import { describeRedis } from '../packages/store-redis/test/setup.js'

interface Told {
  passed: number
  refused: number
}

describeRedis('a rate limit in Redis, by rate-limiter-flexible', () => {
  it('is one limit for two processes', async () => {
    const server = await startRedis()
    const script = fileURLToPath(new URL('children/rate-limited.js', import.meta.url))
    const children = [1, 2].map(() => fork(script, [server.url, '200', '300'], { execArgv: [] }))
    const next = (child: ChildProcess) => once(child, 'message')
    await Promise.all(children.map(next))
    const answers = children.map(next)
    const exits = children.map((child) => once(child, 'exit'))
    for (const child of children) child.send('go')
    const told = (await Promise.all(answers)).map(([message]) => message as Told)
    expect(told.map(({ passed, refused }) => passed + refused)).toEqual([200, 200])
    expect(told.reduce((sum, { passed }) => sum + passed, 0)).toBe(300)
    expect((await Promise.all(exits)).map(([code]) => code as number)).toEqual([0, 0])
    await server.stop()
  })
})
