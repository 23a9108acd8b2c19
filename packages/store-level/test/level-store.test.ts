import { once } from 'node:events'
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { InvalidFieldsError, InvalidServicesError } from '@ilp-wrap/core'
import { holdId } from '@ilp-wrap/balance'
import type { LedgerObserver, PacketEntry, SuspendedMoney } from '@ilp-wrap/balance'
import { testClock } from '@ilp-wrap/testing'
import { ClassicLevel } from 'classic-level'
import { describe, expect, it } from 'vitest'
import { levelStore } from '../src/index.js'
import type { LevelStore } from '../src/index.js'
import { directory } from './setup.js'

const NO_LIMITS = { maximum: undefined, minimum: undefined }
const SOON = 1_800_000_000_000

class Observer implements LedgerObserver {
  readonly told: (PacketEntry | SuspendedMoney)[] = []
  expired(hold: PacketEntry): void {
    this.told.push(hold)
  }
  suspended(money: SuspendedMoney): void {
    this.told.push(money)
  }
}

/** Everything that is on disk in a store that nobody has open. */
async function kept(location: string): Promise<Record<string, string>> {
  const level = new ClassicLevel(location)
  const all = await level.iterator().all()
  await level.close()
  return Object.fromEntries(all)
}

async function put(location: string, entries: Record<string, string>): Promise<void> {
  const level = new ClassicLevel(location)
  for (const [key, value] of Object.entries(entries)) await level.put(key, value)
  await level.close()
}

const refusal = (code: string, text: string): Error =>
  expect.objectContaining({
    name: 'InvalidServicesError',
    code,
    message: expect.stringContaining(text) as string
  }) as Error

describe('levelStore', () => {
  it('refuses options that it does not know, or of another type', () => {
    expect(() => levelStore({ location: 'x', path: 'y' } as never)).toThrow(InvalidFieldsError)
    expect(() => levelStore({} as never)).toThrow('Expected `location` to be a string')
    expect(() => levelStore({ location: 'x', sync: 1 } as never)).toThrow('Expected `sync` to be a boolean')
    expect(() => levelStore({ location: 'x' }).store(1 as never)).toThrow('Expected `prefix` to be a string')
  })

  it('touches no file before it is asked for something', async () => {
    const location = join(await directory(), 'a', 'b')
    const store = levelStore({ location })
    await store.close()
    await expect(readdir(location)).rejects.toThrow('ENOENT')
  })

  it('writes down what its keys say', async () => {
    const location = await directory()
    const clock = testClock(SOON)
    const store = levelStore({ location, clock })
    const ledger = await store.open('al"ice/', new Observer())
    const [held, committed, confirmed, released] = [holdId(), holdId(), holdId(), holdId()]
    for (const id of [held, committed, confirmed, released]) await ledger.hold(id, 'in', 7n, SOON, NO_LIMITS)
    await ledger.commit(committed)
    await ledger.commit(confirmed)
    await ledger.confirm([confirmed])
    await ledger.release(released)
    await ledger.move('in', -3n, 'money-in')
    await ledger.move('by hand', 1n, 'adjust')
    await ledger.move('out', 5n, 'money-out')
    await ledger.move('lost', 6n, 'money-out')
    await ledger.suspend('lost')
    await ledger.move('paid', 9n, 'money-out')
    await ledger.resolve('paid', 'sent')
    await store.store('plugin').put('key', 'value')
    await store.close()
    expect(await kept(location)).toEqual({
      '1/format': 'ilp-wrap',
      '1/owner': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      '1/balance/"al\\"ice/"': '32',
      '1/hold/"al\\"ice/"/1': `held in 7 ${SOON} ${String(held)}`,
      '1/hold/"al\\"ice/"/2': `committed in 7 ${SOON} ${String(committed)}`,
      '1/moved/"al\\"ice/"/"in"': `${SOON}`,
      '1/moved/"al\\"ice/"/"by hand"': 'adjusted',
      '1/moved/"al\\"ice/"/"paid"': `${SOON}`,
      '1/sending/"al\\"ice/"/"out"': 'sending 5 1',
      '1/sending/"al\\"ice/"/"lost"': 'suspended 6 2',
      '1/store/"plugin"/"key"': 'value'
    })
  })

  it('writes nothing for who only looks', async () => {
    const location = await directory()
    const store = levelStore({ location })
    await (await store.open('alice')).snapshot()
    await (await store.open('bob', new Observer())).outstanding()
    await store.close()
    expect(Object.keys(await kept(location))).toEqual(['1/format', '1/owner'])
  })

  it('lists the open holds of this process', async () => {
    const store = levelStore({ location: await directory() })
    const ledger = await store.open('alice', new Observer())
    const [first, second] = [holdId(), holdId()]
    await ledger.hold(first, 'in', 7n, SOON, NO_LIMITS)
    await ledger.hold(second, 'out', 5n, SOON, NO_LIMITS)
    await ledger.commit(second)
    expect(await ledger.outstanding()).toEqual({
      holds: [{ id: String(first), direction: 'in', amount: 7n, expiresAt: SOON, lost: false }],
      unconfirmed: []
    })
    await store.close()
  })

  it('opens one that was written before there was a mark of its owner', async () => {
    const location = await directory()
    await put(location, { '1/format': 'ilp-wrap', '1/balance/"alice"': '5' })
    const marks: (string | undefined)[] = []
    for (let i = 0; i < 2; i++) {
      const store = levelStore({ location })
      expect((await store.open('alice')).snapshot()).toMatchObject({ committed: 5n })
      await store.close()
      marks.push((await kept(location))['1/owner'])
    }
    expect(new Set([undefined, ...marks]).size).toBe(3)
  })

  it('forgets the ids of money an hour after it was closed, those of adjustments never', async () => {
    const clock = testClock(SOON)
    const location = await directory()
    const store = levelStore({ location, clock })
    const ledger = await store.open('alice')
    await ledger.move('old', 1n, 'money-in')
    await ledger.move('by hand', 1n, 'adjust')
    await clock.advance(30 * 60_000)
    await ledger.move('young', 1n, 'money-in')
    await clock.advance(40 * 60_000)
    await settled(store)
    for (const id of ['old', 'by hand', 'young']) await ledger.move(id, 10n, 'money-in')
    expect(ledger.snapshot()).toMatchObject({ committed: 13n })
    await store.close()
    expect(clock.pending).toBe(0)
  })

  it('leaves alone what this process has done before it gave an observer', async () => {
    const store = levelStore({ location: await directory() })
    const ledger = await store.open('alice')
    await ledger.move('out', 5n, 'money-out')
    const observer = new Observer()
    await store.open('alice', observer)
    expect(observer.told).toEqual([])
    expect(await ledger.snapshot()).toMatchObject({ committed: 5n, suspended: [] })
    await store.close()
  })

  it('tells the observer that was given last', async () => {
    const clock = testClock(SOON)
    const location = await directory()
    const before = levelStore({ location, clock })
    await (await before.open('alice', new Observer())).hold(holdId(), 'out', 7n, SOON + 1_000, NO_LIMITS)
    await before.close()
    const store = levelStore({ location, clock })
    const [first, last] = [new Observer(), new Observer()]
    await store.open('alice', first)
    await store.open('alice', last)
    await clock.advance(3_000)
    expect([first.told.length, last.told.length]).toEqual([0, 1])
    await store.close()
  })

  it('tells nothing of a hold that expires once it is closed', async () => {
    const clock = testClock(SOON)
    const location = await directory()
    const before = levelStore({ location, clock })
    await (await before.open('alice', new Observer())).hold(holdId(), 'out', 7n, SOON + 1_000, NO_LIMITS)
    await before.close()
    const store = levelStore({ location, clock })
    const observer = new Observer()
    await store.open('alice', observer)
    await store.close()
    // there was a timer, set again each second until the hold had expired
    expect(clock.pending).toBe(0)
    await clock.advance(10_000)
    expect(observer.told).toEqual([])
    expect(Object.keys(await kept(location)).filter((key) => key.startsWith('1/hold'))).toHaveLength(1)
  })

  it('opens no account for who has closed it meanwhile', async () => {
    const clock = testClock(SOON)
    const location = await directory()
    const before = levelStore({ location, clock })
    await (await before.open('alice')).hold(holdId(), 'out', 7n, SOON + 1_000, NO_LIMITS)
    await before.close()
    const store = levelStore({ location, clock })
    await store.open('bob')
    const opening = store.open('alice', new Observer())
    await Promise.resolve()
    await Promise.resolve()
    const closing = store.close()
    await expect(opening).rejects.toMatchObject({ code: 'ILP_WRAP_LEDGER_CLOSED' })
    await closing
    expect(clock.pending).toBe(0)
  })

  it('fails with a code of its own once it is closed', async () => {
    const store = levelStore({ location: await directory() })
    const ledger = await store.open('alice')
    await store.close()
    const closed = expect.objectContaining({ name: 'PluginError', code: 'ILP_WRAP_LEDGER_CLOSED' }) as Error
    const id = holdId()
    for (const call of [
      (): unknown => ledger.hold(id, 'in', 1n, SOON, NO_LIMITS),
      (): unknown => ledger.commit(id),
      (): unknown => ledger.release(id),
      (): unknown => ledger.confirm([id]),
      (): unknown => ledger.move('a', 1n, 'adjust'),
      (): unknown => ledger.settle('a', { threshold: 0n, target: 0n, smallest: 1n }),
      (): unknown => ledger.suspend('a'),
      (): unknown => ledger.resolve('a', 'sent'),
      (): unknown => ledger.snapshot(),
      (): unknown => ledger.outstanding()
    ]) {
      expect(call).toThrow(closed)
    }
    await expect(store.open('alice')).rejects.toThrow(closed)
    await expect(names(store)).rejects.toThrow(closed)
    await expect(store.store('plugin').get('a')).rejects.toThrow(closed)
  })
})

describe('a store that cannot be used', () => {
  const opening = async (location: string, account = 'alice'): Promise<unknown> => {
    const store = levelStore({ location })
    try {
      return await store.open(account, new Observer())
    } finally {
      await store.close()
    }
  }

  it('is refused while another process has it, and opens once that is gone', async () => {
    const location = await directory()
    const script = `
      const { ClassicLevel } = require('classic-level')
      const level = new ClassicLevel(process.argv[1])
      level.open().then(() => process.send('open'))
      setInterval(() => undefined, 1000)
    `
    const other = fork('-e', [script, location], { execArgv: [], stdio: 'inherit' })
    await once(other, 'message')
    const store = levelStore({ location })
    await expect(store.open('alice')).rejects.toThrow(refusal('ILP_WRAP_STORE_LOCKED', location))
    other.kill('SIGKILL')
    await once(other, 'exit')
    expect((await store.open('alice')).snapshot()).toMatchObject({ committed: 0n })
    await store.close()
  })

  it('is refused while this process has it open already', async () => {
    const location = await directory()
    const first = levelStore({ location })
    await first.open('alice')
    await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_STORE_LOCKED', location))
    await first.close()
    await opening(location)
  })

  // LevelDB knows by its path what this process has open: two of one directory wrote over each other's books
  it.each(['./books', 'books/', 'link'])('is refused while this process has it open already, as %s', async (name) => {
    const folder = await directory()
    const location = join(folder, 'books')
    await symlink(location, join(folder, 'link'))
    const first = levelStore({ location })
    const ledger = await first.open('alice')
    await expect(opening(`${folder}/${name}`)).rejects.toThrow(refusal('ILP_WRAP_STORE_LOCKED', folder))
    await ledger.move('a', 1n, 'adjust')
    await first.close()
    await opening(`${folder}/${name}`)
  })

  it.each([
    ['1/balance/"alice"', ''],
    ['1/balance/"alice"', '1e3'],
    ['1/balance/"alice"', '-0'],
    ['1/balance/"alice"', '007'],
    ['1/hold/"alice"/1', 'held in 7 1'],
    ['1/hold/"alice"/1', 'held in 0 1 id'],
    ['1/hold/"alice"/1', 'held up 7 1 id'],
    ['1/hold/"alice"/1', 'confirmed in 7 1 id'],
    ['1/hold/"alice"/id', 'held in 7 1 id'],
    ['1/sending/"alice"/"id"', 'sending 7'],
    ['1/sending/"alice"/"id"', 'sent 7 1'],
    ['1/sending/"alice"/id', 'sending 7 1'],
    ['1/sending/"alice"/7', 'sending 7 1']
  ])('is refused for %s: %j, by name, and nothing begins at zero', async (key, value) => {
    const location = await directory()
    await put(location, { '1/format': 'ilp-wrap', '1/balance/"alice"': '5', '1/balance/"bob"': '5', [key]: value })
    await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', key))
    expect(await kept(location)).toMatchObject({ [key]: value })
    // the others have nothing to do with it
    await opening(location, 'bob')
  })

  it.each(['1/hold/"alice"/1', '1/sending/"alice"/"id"'])(
    'is refused when %s stands without a balance',
    async (key) => {
      const location = await directory()
      const value = key.includes('hold') ? 'held out 7 1 id' : 'sending 7 1'
      await put(location, { '1/format': 'ilp-wrap', [key]: value })
      await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', '1/balance/"alice"'))
    }
  )

  it.each([
    ['0', { '0': 'somebody', '1/format': 'ilp-wrap' }],
    ['2/balance/"alice"', { '1/format': 'ilp-wrap', '2/balance/"alice"': '5' }],
    ['1/format', { '1/format': 'something else' }],
    ['1/balance/"alice"', { '1/balance/"alice"': '5' }]
  ])('is refused when it is not of this package, naming %s', async (key, entries: Record<string, string>) => {
    const location = await directory()
    await put(location, entries)
    await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', key))
    expect(await kept(location)).toEqual(entries)
  })

  it('is refused when the name of an account is none', async () => {
    const location = await directory()
    await put(location, { '1/format': 'ilp-wrap', '1/balance/"alice': '5' })
    const store = levelStore({ location })
    await expect(names(store)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', '1/balance/"alice'))
    await store.close()
  })

  it('is refused when its CURRENT is missing: LevelDB would begin anew, and delete the rest', async () => {
    const location = await directory()
    await opening(location)
    await rm(join(location, 'CURRENT'))
    await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', 'CURRENT'))
    expect((await readdir(location)).some((file) => file.endsWith('.log'))).toBe(true)
  })

  // of a disk that was full, or a process that was killed, at that moment
  it.each(['MANIFEST-000001', 'MANIFEST-000001 000001.dbtmp LOCK LOG LOG.old'])(
    'is made when no more than its making had begun: %s',
    async (files) => {
      const location = await directory()
      for (const file of files.split(' ')) await writeFile(join(location, file), '')
      await opening(location)
      await opening(location)
    }
  )

  it.each(['000003.log', '000005.ldb', '000005.sst', 'MANIFEST-000002'])(
    'is refused when CURRENT is missing beside %s',
    async (file) => {
      const location = await directory()
      for (const name of ['MANIFEST-000001', file]) await writeFile(join(location, name), '')
      await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', 'CURRENT'))
      expect(await readdir(location)).toContain(file)
    }
  )

  it('is refused when LevelDB finds it corrupt', async () => {
    const location = await directory()
    await opening(location)
    await writeFile(join(location, 'CURRENT'), 'nonsense')
    await expect(opening(location)).rejects.toThrow(refusal('ILP_WRAP_CORRUPT_STORE', location))
  })

  it('is refused when its directory cannot be made', async () => {
    const file = join(await directory(), 'file')
    await writeFile(file, '')
    await expect(opening(join(file, 'store'))).rejects.toThrow(refusal('ILP_WRAP_STORE_UNAVAILABLE', file))
  })

  it.skipIf(process.getuid?.() === 0)(
    'is refused when its directory is read-only (root may write all the same)',
    async () => {
      const location = await directory()
      await mkdir(join(location, 'store'))
      await chmod(join(location, 'store'), 0o500)
      await expect(opening(join(location, 'store'))).rejects.toThrow(refusal('ILP_WRAP_STORE_UNAVAILABLE', location))
    }
  )

  it('can be opened once what was wrong is mended', async () => {
    const location = await directory()
    await put(location, { '1/format': 'ilp-wrap', '1/balance/"alice"': 'nonsense' })
    const store = levelStore({ location })
    await expect(store.open('alice')).rejects.toThrow(InvalidServicesError)
    await store.close()
    await put(location, { '1/balance/"alice"': '5' })
    const mended = levelStore({ location })
    expect((await mended.open('alice')).snapshot()).toMatchObject({ committed: 5n })
    await mended.close()
  })
})

describe('store(prefix)', () => {
  it('puts, gets and deletes, and keeps it', async () => {
    const location = await directory()
    const store = levelStore({ location })
    const plugin = store.store('plugin')
    expect(await plugin.get('key')).toBeUndefined()
    await plugin.put('key', 'value')
    await plugin.put('other', '')
    expect([await plugin.get('key'), await plugin.get('other')]).toEqual(['value', ''])
    await plugin.del('key')
    await plugin.del('key')
    await store.close()
    const again = levelStore({ location })
    expect([await again.store('plugin').get('key'), await again.store('plugin').get('other')]).toEqual([undefined, ''])
    await again.close()
  })

  it('gives what was put before the disk has it', async () => {
    const store = levelStore({ location: await directory() })
    const plugin = store.store('plugin')
    await plugin.get('key')
    const puts = [plugin.put('key', '1'), plugin.put('key', '2')]
    expect(await plugin.get('key')).toBe('2')
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(await plugin.get('key')).toBe('2')
    await Promise.all(puts)
    await store.close()
  })

  // such a value stood in the batch of all accounts, which then never ended
  it.each([null, undefined, 5, Symbol('value'), { a: 1 }, Buffer.from('value')])(
    'refuses a key or a value that is no string, and everything else is written as before: %s',
    async (wrong) => {
      const location = await directory()
      const store = levelStore({ location })
      const plugin = store.store('plugin')
      const ledger = await store.open('alice')
      const refused = (name: string): Error =>
        expect.objectContaining({
          name: 'InvalidFieldsError',
          message: expect.stringContaining(`Expected \`${name}\` to be a string`) as string
        }) as Error
      const held = ledger.hold(holdId(), 'in', 7n, SOON, NO_LIMITS)
      await expect(plugin.put('key', wrong as never)).rejects.toThrow(refused('value'))
      await expect(plugin.put(wrong as never, 'value')).rejects.toThrow(refused('key'))
      await expect(plugin.get(wrong as never)).rejects.toThrow(refused('key'))
      await expect(plugin.del(wrong as never)).rejects.toThrow(refused('key'))
      expect(await held).toBe('held')
      await ledger.move('a', 1n, 'adjust')
      await store.close()
      expect(Object.keys(await kept(location)).filter((key) => key.includes('store'))).toEqual([])
    }
  )

  it('shares no key with another prefix, or with an account', async () => {
    const store = levelStore({ location: await directory() })
    const names = ['a', 'ab', 'a/', 'a"', '', '\ud800', '\u0000', '1/balance/"a"']
    const pairs = names.flatMap((prefix) => names.map((key) => [prefix, key] as const))
    for (const [prefix, key] of pairs) await store.store(prefix).put(key, `${prefix} ${key}`)
    for (const [prefix, key] of pairs) {
      const text = `${prefix} ${key}`
      expect(await store.store(prefix).get(key)).toBe(text.replaceAll('\ud800', '\ufffd'))
    }
    expect((await store.open('a')).snapshot()).toMatchObject({ committed: 0n })
    await store.close()
  })
})

async function names(store: LevelStore): Promise<string[]> {
  const found: string[] = []
  for await (const name of store.accounts()) found.push(name)
  return found
}

/** What the store does in the background has been done. */
async function settled(store: LevelStore): Promise<void> {
  for (let i = 0; i < 10; i++) await store.store('test').put('turn', `${i}`)
}
