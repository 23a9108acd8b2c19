import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { balanceOf } from '@ilp-wrap/balance'
import type { LedgerStore } from '@ilp-wrap/balance'
import type { PluginV2 } from '@ilp-wrap/core'
import { fulfill, prepare } from '@ilp-wrap/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ledger } from '../src/config/ledgers.js'
import { ConnectorPlugin } from '../src/plugin.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ilp-wrap-ledgers-'))
})

afterEach(async () => {
  await ConnectorPlugin.closeLedgers()
  await rm(folder, { recursive: true })
})

const plugin = `${fileURLToPath(new URL('fixtures/plugins.cjs', import.meta.url))}#Version2`

function withBooks(where: object, account = 'alice'): PluginV2 & { handler: (data: Buffer) => Promise<Buffer> } {
  const balance = ['balance', { maximum: '100', ledger: where }] as const
  return new ConnectorPlugin({ plugin, middleware: [balance], account }) as ReturnType<typeof withBooks>
}

const committed = async (wrapped: PluginV2): Promise<bigint> => (await balanceOf(wrapped).snapshot()).committed

it('books that are named are on disk, and those of the next process', async () => {
  const where = { level: { location: join(folder, 'books') } }
  const before = withBooks(where)
  before.registerDataHandler(() => Promise.resolve(fulfill()))
  await before.connect()
  await before.handler(prepare({ amount: 7 }))
  await before.disconnect()
  await ConnectorPlugin.closeLedgers()
  const after = withBooks(where)
  await after.connect()
  expect(await committed(after)).toBe(7n)
  // a program that ends in order leaves no commit in doubt
  expect(await balanceOf(after).outstanding()).toMatchObject({ unconfirmed: [] })
})

it('plugins that name one place share its store, each with the books of its account', async () => {
  // a directory of level can be opened but once
  const location = join(folder, 'books')
  const [alice, bob] = [
    withBooks({ level: { location } }),
    withBooks({ level: { location: `${folder}/./books` } }, 'bob')
  ]
  await Promise.all([alice.connect(), bob.connect()])
  alice.registerDataHandler(() => Promise.resolve(fulfill()))
  await alice.handler(prepare({ amount: 7 }))
  expect([await committed(alice), await committed(bob)]).toEqual([7n, 0n])
  const store = ledger.read('', { level: { location } }) as LedgerStore
  // it is not for one of them to close it
  await store.close()
  const accounts: string[] = []
  for await (const account of store.accounts()) accounts.push(account)
  expect(accounts).toContain('alice')
})

it('a place that is named through a link is the same place, whether it is made yet or not', async () => {
  await symlink(folder, join(folder, 'link'))
  const direct = withBooks({ level: { location: join(folder, 'books') } })
  const linked = () => withBooks({ level: { location: join(folder, 'link', 'books') } }, 'bob')
  await Promise.all([direct, linked()].map((wrapped) => wrapped.connect()))
  await linked().connect()
})

it.each(['books', '/ilp-wrap-is-not-here/books'])(
  'one configuration cannot name a place twice with different options (%s)',
  (name) => {
    const location = resolve(folder, name)
    const half = (direction: string, more: object = {}): readonly [string, object] => [
      'balance',
      { maximum: '100', [direction]: false, ledger: { level: { location, ...more } } }
    ]
    const withHalves = (more?: object): PluginV2 =>
      new ConnectorPlugin({ plugin, middleware: [half('incoming'), half('outgoing', more)], account: 'alice' })
    expect(() => withHalves()).not.toThrow()
    expect(() => withHalves({ sync: false })).toThrow(
      'Expected `middleware[1][1].ledger.level` to be the same wherever it names the same place, got an object'
    )
    const recommended = ['recommended', { balance: { maximum: '100', ledger: { level: { location, sync: true } } } }]
    expect(
      () => new ConnectorPlugin({ plugin, middleware: [half('incoming'), recommended] as never, account: 'alice' })
    ).toThrow('Expected `middleware[1][1].balance.ledger.level` to be the same')
  }
)

it('two plugins cannot open one place with different options, until it is closed', async () => {
  const location = join(folder, 'books')
  const [one, other] = [withBooks({ level: { location } }), withBooks({ level: { location, sync: false } })]
  await one.connect()
  await expect(other.connect()).rejects.toThrow(
    'Expected `middleware[0][1].ledger.level` to be as it was when this process opened the same place, got an object'
  )
  await one.disconnect()
  await ConnectorPlugin.closeLedgers()
  await other.connect()
  expect(await committed(other)).toBe(0n)
})

it('a place that was only read about is nobody’s yet', async () => {
  const location = join(folder, 'books')
  withBooks({ level: { location, sync: false } })
  const corrected = withBooks({ level: { location } })
  await corrected.connect()
  expect(await committed(corrected)).toBe(0n)
})

it('a store is one of those that there are', () => {
  const both = { level: { location: folder }, redis: { url: 'redis://localhost' } }
  for (const where of [{}, both]) {
    expect(() => withBooks(where)).toThrow('Expected `middleware[0][1].ledger` to be an object with either `level` or')
  }
  expect(() => withBooks({ redis: { url: '' } })).toThrow('Expected `middleware[0][1].ledger.redis.url` to be a string')
})

it('a store elsewhere is not asked for before the plugin connects, and its password is told to nobody', async () => {
  const redis = { url: 'redis://:canary@127.0.0.1:1', onUnavailable: 'reject', timeoutMs: 50 }
  const wrapped = withBooks({ redis })
  const error = await wrapped.connect().catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Error)
  expect(String(error)).not.toContain('canary')
  await expect(withBooks({ redis: { ...redis, timeoutMs: 60 } }).connect()).rejects.toThrow(/^Expected (?!.*canary)/)
})

it('a store whose accounts were only listed has no commit to wait for when it is closed', async () => {
  const location = join(folder, 'books')
  const store = ledger.read('', { level: { location } }) as LedgerStore
  for await (const account of store.accounts()) expect.fail(account)
  const start = Date.now()
  await ConnectorPlugin.closeLedgers()
  expect(Date.now() - start).toBeLessThan(2000)
})
