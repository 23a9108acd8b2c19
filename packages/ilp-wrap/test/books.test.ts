import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { HoldId } from '@ilp-wrap/balance'
import { levelStore } from '@ilp-wrap/store-level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Proxy } from '../../store-redis/test/proxy.js'
import { describeRedis, redisForAll } from '../../store-redis/test/setup.js'
import { booksTable, booksValue } from '../src/books/report.js'
import { runCommand } from '../src/commands/program.js'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ilp-wrap-books-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = { out: new PassThrough(), err: new PassThrough() }
  const text = { out: '', err: '' }
  for (const name of ['out', 'err'] as const) streams[name].on('data', (chunk) => (text[name] += String(chunk)))
  const code = await runCommand(['books', ...args], streams)
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}

interface Entry {
  account: string
  balance: string
  heldOut: string
  holds: { id: string; direction: string; amount: string; lost: boolean }[]
  unconfirmed: { id: string }[]
  suspended: { id: string; amount: string }[]
}

async function list(...args: string[]): Promise<Entry[]> {
  const { code, out, err } = await run(directory, '--json', ...args)
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as Entry[]
}

function holdId(text: string): HoldId {
  return { status: 'new', direction: 'out', amount: 0n, note: undefined, toString: () => text }
}

/** Books of two accounts, one of which a process has left with all kinds of things open. */
async function leaveBooks(): Promise<void> {
  const store = levelStore({ location: directory })
  const [alice, bob] = [await store.open('alice'), await store.open('bob')]
  const limits = { maximum: undefined, minimum: undefined }
  const expiresAt = Date.now() + 60_000
  const booked = holdId('booked')
  await alice.hold(booked, 'in', 700n, expiresAt, limits)
  await alice.commit(booked)
  await alice.hold(holdId('open'), 'out', 50n, expiresAt, limits)
  await alice.move('payment', 30n, 'money-out')
  await alice.suspend('payment')
  await bob.move('start', -5n, 'adjust')
  await store.close()
}

describe('ilp-wrap books', () => {
  it('lists accounts with what is open in them, as a table or as JSON', async () => {
    await leaveBooks()
    const { code, out } = await run(directory)
    expect(code).toBe(0)
    expect(out).toMatch(/alice\W+730\W+0\W+50\W+1\W+1\W+1/)
    expect(out).toMatch(/bob\W+-5\W+0\W+0\W+0\W+0\W+0/)
    expect(out).toMatch(/lost hold, out\W+open\W+50/)
    expect(out).toMatch(/unconfirmed, in\W+booked\W+700/)
    expect(out).toMatch(/suspended\W+payment\W+30/)
    const [alice, bob] = await list()
    expect(alice).toMatchObject({
      account: 'alice',
      balance: '730',
      heldOut: '50',
      holds: [{ id: 'open', direction: 'out', amount: '50', lost: true }],
      unconfirmed: [{ id: 'booked' }],
      suspended: [{ id: 'payment', amount: '30' }]
    })
    expect(bob).toMatchObject({ account: 'bob', balance: '-5', holds: [] })
    expect(await list('--account', 'bob')).toHaveLength(1)
    // looking changes nothing
    expect(await list()).toEqual([alice, bob])
  })

  it('resolves what is suspended or unconfirmed, only with --yes', async () => {
    await leaveBooks()
    const asked = await run('resolve', directory, 'alice', 'payment', 'not-sent')
    expect(asked.code).toBe(1)
    expect(asked.out).toContain('Nothing was done: repeat it with --yes.')
    expect((await list())[0]?.suspended).toHaveLength(1)
    expect((await run('resolve', directory, 'alice', 'payment', 'not-sent', '--yes')).out).toMatch(/alice\W+700/)
    const { out } = await run('resolve', `level:${directory}`, 'alice', 'booked', 'not-sent', '--yes', '--json')
    expect(JSON.parse(out)).toMatchObject([{ account: 'alice', balance: '0', unconfirmed: [], suspended: [] }])
  })

  it('adjusts a balance, only with --yes, once for each id', async () => {
    await leaveBooks()
    const asked = await run('adjust', directory, 'bob', '-20')
    expect([asked.code, asked.out]).toEqual([
      1,
      'Would add -20 to the balance of bob. Nothing was done: repeat it with --yes.\n'
    ])
    for (let i = 0; i < 2; i++) {
      const { out } = await run('adjust', directory, 'bob', '-20', '--id', 'note-7', '--yes', '--json')
      expect(JSON.parse(out)).toMatchObject([{ account: 'bob', balance: '-25' }])
    }
    const { out, err } = await run('adjust', directory, 'bob', '+25', '--yes')
    expect(out).toMatch(/bob\W+0/)
    expect(err).toMatch(/^Adds 25 to the balance of bob under the id by-hand-\S+\n$/)
  })

  it('says in one line what it cannot do', async () => {
    await leaveBooks()
    const refusals: [string[], string][] = [
      [[join(directory, 'nowhere')], `ilp-wrap: There is no store at ${join(directory, 'nowhere')}\n`],
      [
        ['postgres://127.0.0.1/books'],
        'ilp-wrap: Expected a store at redis:, rediss:, level: or a directory, got `postgres:`\n'
      ],
      [['REDIS://:hunter2@127.0.0.1'], 'ilp-wrap: There is no store at REDIS://***@127.0.0.1\n'],
      [[directory, '--prefix', 'x:'], 'ilp-wrap: `--prefix` is for stores in Redis\n'],
      [[directory, '--account', 'carol'], 'ilp-wrap: There are no books of an account carol\n'],
      [['adjust', directory, 'carol', '1', '--yes'], 'ilp-wrap: There are no books of an account carol\n'],
      [
        ['resolve', directory, 'alice', 'open', 'sent', '--yes'],
        'ilp-wrap: Nothing of alice is suspended or unconfirmed with the id open\n'
      ]
    ]
    for (const [args, message] of refusals) expect(await run(...args)).toEqual({ code: 1, out: '', err: message })
    expect((await run('adjust', directory, 'bob', 'much')).err).toContain('Expected a whole number of base units.')
    expect((await run('resolve', directory, 'alice', 'payment', 'maybe')).err).toContain('Allowed choices are')
    // a port where nothing listens
    const away = await run('redis://127.0.0.1:1', '--prefix', 'x:')
    expect([away.code, away.err.split('\n')]).toEqual([1, [expect.stringMatching(/^ilp-wrap: /), '']])
    expect((await run('--help')).out).toContain('Examples:')
  })

  it('tells the holds of a process that is at work from those of one that is gone', () => {
    const hold = { id: 'open', direction: 'in', amount: 5n, expiresAt: 0, lost: false } as const
    const sums = { account: 'alice', committed: 0n, holdsIn: 5n, holdsOut: 0n, suspended: [], unconfirmed: [] }
    expect(booksTable([{ ...sums, holds: [hold] }])).toMatch(/alice\W+hold, in\W+open\W+5\W+1970-01-01T00:00:00.000Z/)
    expect(booksTable([{ ...sums, holds: [{ ...hold, lost: true }] }])).toMatch(/alice\W+lost hold, in/)
  })

  it('says so where there are no accounts', () => {
    expect([booksTable([]), booksValue([])]).toEqual(['There are no accounts.\n', []])
  })
})

describeRedis('ilp-wrap books, when an answer of Redis is lost', () => {
  const redis = redisForAll()
  let proxy: Proxy
  beforeEach(async () => {
    await redis.raw().flushall()
    proxy = await Proxy.to(redis.server().port)
    const alice = await redis.open({ prefix: 'ilp-wrap:' }).open('alice')
    await alice.move('start', 100n, 'adjust')
    await alice.move('payment', 30n, 'money-out')
    await alice.suspend('payment')
  })
  afterEach(() => proxy.close())

  /** Lets a command with this text through, and cuts the connection in place of its answer: once, or from then on. */
  const loseAnswerTo = (text: string, more: 'pass' | 'cut'): void => {
    let armed = false
    proxy.fate = (direction, data) => {
      if (direction === 'command') {
        if (data.includes(text)) armed = true
        return 'pass'
      }
      if (!armed) return 'pass'
      proxy.fate = () => more
      return 'cut'
    }
  }

  const balance = async (): Promise<bigint> =>
    (await (await redis.open({ prefix: 'ilp-wrap:' }).open('alice')).snapshot()).committed

  it('adjusts once all the same: it asks again under the same id', async () => {
    loseAnswerTo('by-hand', 'pass')
    const { code, out } = await run('adjust', proxy.url, 'alice', '-7', '--yes', '--json')
    expect(proxy.cuts).toBe(1)
    expect([code, JSON.parse(out)]).toMatchObject([0, [{ account: 'alice', balance: '123' }]])
    expect(await balance()).toBe(123n)
  })

  // an operator who was told no more than "Redis is not available" did it again, and booked it twice
  it('says that it may be booked, and under which id to repeat it, which books nothing more', async () => {
    loseAnswerTo('by-hand', 'cut')
    const { code, out, err } = await run('adjust', proxy.url, 'alice', '-7', '--yes')
    expect([code, out]).toEqual([1, ''])
    const [, id] = /It may have been booked all the same: repeat it with `--id (by-hand-\S+)`/.exec(err) ?? []
    expect(err.split('\n')[0]).toBe(`Adds -7 to the balance of alice under the id ${String(id)}`)
    expect(await balance()).toBe(123n)
    const { out: again } = await run(
      ...['adjust', redis.server().url, 'alice', '-7', '--id', String(id), '--yes', '--json']
    )
    expect(JSON.parse(again)).toMatchObject([{ balance: '123' }])
  })

  it('says that something may be resolved, and is if it is listed no more', async () => {
    loseAnswerTo('not-sent', 'cut')
    const args = ['alice', 'payment', 'not-sent', '--yes'] as const
    const { code, err } = await run('resolve', proxy.url, ...args)
    expect([code, err]).toEqual([
      1,
      'ilp-wrap: Redis is not available. It may have been done all the same: repeat it if payment is still listed\n'
    ])
    expect(await balance()).toBe(100n)
    expect((await run('resolve', redis.server().url, ...args)).err).toMatch(/^ilp-wrap: Nothing of alice is suspended/)
  })
})
