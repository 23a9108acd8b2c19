import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { events, systemClock, wrap } from '@ilp-wrap/core'
import type { PluginEvent } from '@ilp-wrap/core'
import { rejectCode } from '@ilp-wrap/core/packet'
import { balance, balanceOf, holdId } from '@ilp-wrap/balance'
import type { BalanceLedger, HoldId, LedgerStore } from '@ilp-wrap/balance'
import { fulfill, mockPair, prepare, testClock } from '@ilp-wrap/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { levelStore } from '../src/index.js'
import { Level } from '../src/level-store.js'
import { directory, FullDisk, turn } from './setup.js'

const NO_LIMITS = { maximum: undefined, minimum: undefined }

async function failing(clock = systemClock) {
  const location = await directory()
  const disk = new FullDisk()
  const store = new Level(location, true, clock, disk.make)
  await store.open('alice')
  return { store, location, disk }
}

/** A plugin over a store whose books have an observer and a peer that fulfills, both ways. */
function stack(ledger: LedgerStore) {
  const clock = testClock()
  const { plugin: inner, peer } = mockPair({ connected: true })
  const plugin = wrap(inner, [balance({ maximum: 1000n, ledger })], { account: 'alice', clock })
  const seen: PluginEvent[] = []
  events(plugin).subscribe((event) => seen.push(event))
  plugin.registerDataHandler(async () => fulfill())
  const packet = (): Buffer => prepare({ amount: 7n, expiresAt: clock.now() + 30_000 })
  return { clock, inner, peer, plugin, handle: balanceOf(plugin), seen, packet }
}

describe('a disk that opens and cannot be written', () => {
  it('is refused at the start, and taken once it can', async () => {
    const disk = new FullDisk()
    disk.stuck = true
    const store = new Level(await directory(), true, systemClock, disk.make)
    await expect(store.open('alice')).rejects.toMatchObject({
      name: 'InvalidServicesError',
      code: 'ILP_WRAP_STORE_UNAVAILABLE',
      message: expect.stringContaining('Input/output error') as string
    })
    disk.stuck = false
    await store.open('alice')
    await store.close()
  })

  it('can be closed while it is being refused', async () => {
    const disk = new FullDisk()
    disk.stuck = true
    const store = new Level(await directory(), true, systemClock, disk.make)
    const opening = store.open('alice')
    const closing = store.close()
    await expect(opening).rejects.toThrow('Input/output error')
    await closing
  })
})

describe('commits that are confirmed', () => {
  const committed = async (ledger: BalanceLedger, count: number): Promise<HoldId[]> => {
    const ids = Array.from({ length: count }, () => holdId())
    await Promise.all(ids.map(async (id) => ledger.hold(id, 'in', 1n, 1, NO_LIMITS)))
    await Promise.all(ids.map(async (id) => ledger.commit(id)))
    return ids
  }
  const unconfirmed = async (location: string): Promise<unknown[]> => {
    const after = levelStore({ location })
    const { unconfirmed } = await (await after.open('alice')).outstanding()
    await after.close()
    return unconfirmed.map(({ id }) => id)
  }

  it('are taken off the disk a few at a time, so that no packet waits for thousands of them', async () => {
    const { store, disk, location } = await failing()
    const ledger = await store.open('alice')
    const ids = await committed(ledger, 1000)
    disk.changes.length = 0
    await ledger.confirm(ids)
    expect(disk.changes).toEqual([100])
    // a batch that has more to do than that takes along some, and its holds have the places of others
    await committed(ledger, 200)
    expect(Math.max(...disk.changes)).toBeLessThan(250)
    await store.close()
    expect(disk.changes.reduce((sum, changes) => sum + changes, 0)).toBeLessThan(1350)
    expect(await unconfirmed(location)).toHaveLength(200)
  })

  it('leave their places to new holds, which stay when the old ones go', async () => {
    const { store, location } = await failing()
    const ledger = await store.open('alice')
    const ids = await committed(ledger, 3)
    const confirming = ledger.confirm(ids)
    const held = holdId()
    await ledger.hold(held, 'out', 5n, 1, NO_LIMITS)
    await confirming
    await store.close()
    const after = levelStore({ location })
    const books = await after.open('alice')
    expect(await books.outstanding()).toMatchObject({ holds: [{ id: String(held), lost: true }], unconfirmed: [] })
    // nobody takes the place of what another process has left
    const other = holdId()
    await books.hold(other, 'out', 1n, 1, NO_LIMITS)
    await after.close()
    const last = levelStore({ location })
    expect((await (await last.open('alice')).outstanding()).holds).toHaveLength(2)
    await last.close()
  })

  it('are taken off later when the disk cannot be written', async () => {
    const { store, disk, location } = await failing()
    const ledger = await store.open('alice')
    const [first, second] = (await committed(ledger, 2)) as [HoldId, HoldId]
    disk.full = true
    disk.changes.length = 0
    const confirming = expect(ledger.confirm([first])).rejects.toThrow('No space left')
    while (disk.changes.length === 0) await turn()
    // takes the place that is just being emptied
    const third = holdId()
    await expect(ledger.hold(third, 'in', 1n, 1, NO_LIMITS)).rejects.toThrow('No space left')
    await confirming
    await expect(ledger.commit(third)).rejects.toThrow('No space left')
    // its commit itself is not on disk yet
    await expect(ledger.confirm([third])).rejects.toThrow('No space left')
    disk.full = false
    await store.close()
    expect(await unconfirmed(location)).toEqual([String(second)])
  })
})

describe('a write that fails', () => {
  it('rejects, is not taken back, and is made with the next one', async () => {
    const { store, disk, location } = await failing()
    const ledger = await store.open('alice')
    const [held, refused] = [holdId(), holdId()]
    await ledger.hold(held, 'in', 7n, 1, NO_LIMITS)
    disk.full = true
    await expect(ledger.commit(held)).rejects.toThrow('No space left')
    await expect(ledger.commit(held)).rejects.toThrow('No space left')
    await expect(ledger.hold(refused, 'in', 5n, 1, NO_LIMITS)).rejects.toThrow('No space left')
    await expect(ledger.release(refused)).rejects.toThrow('No space left')
    await expect(store.store('plugin').put('a', 'b')).rejects.toThrow('No space left')
    expect(ledger.snapshot()).toMatchObject({ committed: 7n, holdsIn: 0n })
    disk.full = false
    await ledger.commit(held)
    await store.close()
    const after = levelStore({ location })
    const books = await after.open('alice')
    expect(books.snapshot()).toMatchObject({ committed: 7n, holdsIn: 0n })
    expect(books.outstanding()).toMatchObject({ holds: [], unconfirmed: [{ id: String(held) }] })
    expect(await after.store('plugin').get('a')).toBe('b')
    await after.close()
  })

  it('has the database opened anew, since its log may end in half a record', async () => {
    const { store, disk } = await failing()
    const ledger = await store.open('alice')
    disk.full = true
    await expect(ledger.move('a', 1n, 'adjust')).rejects.toThrow('No space left')
    await expect(ledger.move('a', 1n, 'adjust')).rejects.toThrow('No space left')
    disk.full = false
    const openings = disk.openings
    await ledger.move('a', 1n, 'adjust')
    expect(disk.openings).toBe(openings + 1)
    expect(ledger.snapshot()).toMatchObject({ committed: 1n })
    await store.close()
  })

  it('leaves alone what was changed since', async () => {
    const { store, disk, location } = await failing()
    const plugin = store.store('plugin')
    await plugin.put('a', '0')
    disk.full = true
    const failed = plugin.put('a', '1')
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
    // by now the first is being written
    const next = plugin.put('a', '2')
    expect((await Promise.allSettled([failed, next])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    disk.full = false
    await plugin.put('b', '3')
    await store.close()
    const after = levelStore({ location }).store('plugin')
    expect([await after.get('a'), await after.get('b')]).toEqual(['2', '3'])
  })

  it('is told by close()', async () => {
    const { store, disk, location } = await failing()
    const ledger = await store.open('alice')
    disk.full = true
    await expect(ledger.move('a', 1n, 'adjust')).rejects.toThrow('No space left')
    await expect(store.close()).rejects.toThrow('No space left')
    const after = levelStore({ location })
    expect((await after.open('alice')).snapshot()).toMatchObject({ committed: 0n })
    await after.close()
  })

  it('is no harm to who looks for old ids', async () => {
    const clock = testClock()
    const { store, disk } = await failing(clock)
    const ledger = await store.open('alice')
    await ledger.move('a', 1n, 'money-in')
    disk.full = true
    await clock.advance(3 * 3_600_000)
    await turn()
    disk.full = false
    await ledger.move('b', 1n, 'money-in')
    await clock.advance(3_600_000)
    expect(ledger.snapshot()).toMatchObject({ committed: 2n })
    await store.close()
  })
})

describe('a database that could not be opened anew', () => {
  const TERMS = { threshold: 10n, target: 10n, smallest: 1n }
  const accounts = async (store: LedgerStore): Promise<string[]> => {
    const found: string[] = []
    for await (const account of store.accounts()) found.push(account)
    return found
  }
  /** A store that had its disk full twice: the second time when it was opened anew. */
  const closed = async (clock = systemClock) => {
    const { store, disk, location } = await failing(clock)
    const ledger = await store.open('alice')
    await store.store('plugin').put('key', 'value')
    disk.full = true
    for (let i = 0; i < 2; i++) await expect(ledger.move('first', 1n, 'adjust')).rejects.toThrow('No space left')
    return { store, disk, location, ledger }
  }

  // these threw what LevelDB throws, some of them at once, and stayed so until somebody wrote without reading
  it.each<[string, (store: Level, ledger: BalanceLedger) => unknown, unknown]>([
    ['move', (_store, ledger) => ledger.move('second', 1n, 'money-in'), undefined],
    ['settle', (_store, ledger) => ledger.settle('second', TERMS), 9n],
    ['open', async (store) => (await store.open('bob')).snapshot().committed, 0n],
    ['accounts', (store) => accounts(store), ['alice']],
    ['get', (store) => store.store('plugin').get('key'), 'value'],
    ['put', (store) => store.store('plugin').put('key', 'value'), undefined]
  ])(
    'says so to who calls %s, and is opened by the first such call once there is space',
    async (_name, call, result) => {
      const { store, disk, ledger } = await closed()
      const unavailable = { name: 'InvalidServicesError', code: 'ILP_WRAP_STORE_UNAVAILABLE' }
      for (let i = 0; i < 2; i++) await expect(call(store, ledger)).rejects.toMatchObject(unavailable)
      disk.full = false
      expect(await call(store, ledger)).toEqual(result)
      await store.close()
    }
  )

  it('books nothing of what it could not look up', async () => {
    const { store, disk, ledger, location } = await closed()
    await expect(ledger.move('second', 5n, 'money-in')).rejects.toThrow('No space left')
    await expect(ledger.settle('third', TERMS)).rejects.toThrow('No space left')
    disk.full = false
    // two at once are one
    await Promise.all([ledger.move('fourth', 7n, 'adjust'), ledger.move('fourth', 7n, 'adjust')])
    await store.close()
    const after = levelStore({ location })
    expect((await after.open('alice')).snapshot()).toMatchObject({ committed: 8n })
    await after.close()
  })

  it('is not asked by a settlement that has nothing to do', async () => {
    const { store, disk, ledger } = await closed()
    expect(await ledger.settle('second', { ...TERMS, threshold: 0n })).toBe(0n)
    disk.full = false
    await store.close()
  })

  it('is opened by who looks for old ids', async () => {
    const clock = testClock()
    const { store, disk, ledger } = await closed(clock)
    disk.full = false
    const { openings } = disk
    await clock.advance(3_600_000)
    await vi.waitFor(() => expect(disk.openings).toBe(openings + 1))
    await ledger.move('first', 1n, 'adjust')
    expect(disk.openings).toBe(openings + 1)
    await store.close()
  })
})

describe('a process whose disk fails has no lock for a while: when another one gets in', () => {
  const locked = { name: 'InvalidServicesError', code: 'ILP_WRAP_STORE_LOCKED' }

  // the first one went on from the books that it had in memory
  it('the first one writes nothing any more, and says so for good', async () => {
    const { store, disk, location } = await failing()
    const ledger = await store.open('alice')
    const [held, id] = [holdId(), holdId()]
    await ledger.hold(held, 'in', 7n, 1, NO_LIMITS)
    disk.full = true
    for (let i = 0; i < 2; i++) await expect(ledger.move('first', 1n, 'adjust')).rejects.toThrow('No space left')
    const other = levelStore({ location })
    await (await other.open('alice')).move('second', 100n, 'adjust')
    disk.full = false
    // not until the other one is gone can it tell
    await expect(ledger.commit(held)).rejects.toMatchObject(locked)
    expect(ledger.snapshot()).toMatchObject({ committed: 8n })
    await other.close()
    await expect(ledger.commit(held)).rejects.toMatchObject(locked)
    for (const call of [
      (): unknown => ledger.hold(id, 'in', 1n, 1, NO_LIMITS),
      (): unknown => ledger.commit(held),
      (): unknown => ledger.release(held),
      (): unknown => ledger.confirm([held]),
      (): unknown => ledger.move('third', 1n, 'adjust'),
      (): unknown => ledger.settle('third', { threshold: 0n, target: 0n, smallest: 1n }),
      (): unknown => ledger.snapshot()
    ]) {
      expect(call).toThrow(expect.objectContaining(locked) as Error)
    }
    await expect(store.open('alice')).rejects.toMatchObject(locked)
    await expect(store.store('plugin').put('a', 'b')).rejects.toMatchObject(locked)
    const after = levelStore({ location })
    const books = await after.open('alice')
    expect(books.snapshot()).toMatchObject({ committed: 100n, holdsIn: 7n })
    // it owes what it has not written
    await expect(store.close()).rejects.toMatchObject(locked)
    await after.close()
  })

  it('packets get T00 from the first one', async () => {
    const { store, disk, location } = await failing()
    const { plugin, peer, packet, clock } = stack(store)
    await plugin.connect()
    disk.full = true
    for (let i = 0; i < 2; i++) expect(rejectCode(await peer.sendData(packet()))).toBe('T00')
    const other = levelStore({ location })
    await other.open('alice')
    await other.close()
    disk.full = false
    for (let i = 0; i < 5; i++) {
      await clock.advance(300)
      await turn()
      expect(rejectCode(await peer.sendData(packet()))).toBe('T00')
    }
    await store.close().catch(() => undefined)
  })
})

describe('a disk that gets full under a plugin', () => {
  it('has new prepares answered T00 and open ones passed on, and all is booked when there is space', async () => {
    const { store, disk, location } = await failing()
    const { plugin, peer, packet, clock, handle, seen } = stack(store)
    await plugin.connect()
    const open = plugin.sendData(packet())
    const request = await peer.request()
    disk.full = true
    request.fulfill()
    await turn()
    for (const prepared of [plugin.sendData(packet()), peer.sendData(packet())]) {
      expect(rejectCode(await prepared)).toBe('T00')
    }
    await clock.advance(31_000)
    expect(await open).toEqual(fulfill())
    expect(seen.filter(({ type }) => type === 'commit-deferred')).toMatchObject([{ direction: 'outgoing', amount: 7n }])
    expect(rejectCode(await peer.sendData(packet()))).toBe('T00')
    disk.full = false
    // the disk takes its own time
    await vi.waitFor(async () => {
      await clock.advance(300)
      expect(await peer.sendData(packet())).toEqual(fulfill())
    })
    expect(await handle.snapshot()).toMatchObject({ committed: 0n, holdsIn: 0n, holdsOut: 0n })
    await store.close()
    const after = levelStore({ location })
    expect((await after.open('alice')).snapshot()).toMatchObject({ committed: 0n, holdsIn: 0n, holdsOut: 0n })
    await after.close()
  })
})

/** A small file system of its own, where the test may make one. */
async function tmpfs(options: string): Promise<string | undefined> {
  const path = await directory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', path])
  })
  return path
}

describe('a real file system (skipped where the test may not mount one)', () => {
  it('that is read-only is refused at the start', async ({ skip }) => {
    const path = await tmpfs('size=1m')
    if (path === undefined) return skip()
    await mkdir(join(path, 'store'))
    execFileSync('mount', ['-o', 'remount,ro', path])
    const store = levelStore({ location: join(path, 'store') })
    await expect(store.open('alice')).rejects.toMatchObject({
      name: 'InvalidServicesError',
      code: 'ILP_WRAP_STORE_UNAVAILABLE'
    })
    await store.close()
  })

  it('that is full is refused at the start', async ({ skip }) => {
    const path = await tmpfs('size=64k')
    if (path === undefined) return skip()
    await writeFile(join(path, 'rest'), Buffer.alloc(64 * 1024)).catch(() => undefined)
    const store = levelStore({ location: join(path, 'store') })
    await expect(store.open('alice')).rejects.toMatchObject({
      name: 'InvalidServicesError',
      code: 'ILP_WRAP_STORE_UNAVAILABLE'
    })
    await store.close()
  })

  it('that is full at whatever moment of the making is taken once it has space', async ({ skip }) => {
    for (let free = 0; free <= 6; free++) {
      const path = await tmpfs('size=128k')
      if (path === undefined) return skip()
      await mkdir(join(path, 'store'))
      await writeFile(join(path, 'rest'), Buffer.alloc((32 - free) * 4096)).catch(() => undefined)
      const store = levelStore({ location: join(path, 'store') })
      const [first] = await Promise.allSettled([store.open('alice')])
      if (first.status === 'rejected') expect(first.reason).toMatchObject({ code: 'ILP_WRAP_STORE_UNAVAILABLE' })
      await rm(join(path, 'rest'))
      expect((await store.open('alice')).snapshot()).toMatchObject({ committed: 0n })
      await store.close()
    }
  })

  it('that gets full loses nothing that was acknowledged, writes nothing by halves, and goes on with space', async ({
    skip
  }) => {
    const path = await tmpfs('size=1m')
    if (path === undefined) return skip()
    const location = join(path, 'store')
    const store = levelStore({ location })
    const ledger = await store.open('alice')
    let booked = 0n
    let failures = 0
    const failed: HoldId[] = []
    const add = async (): Promise<void> => {
      const id = holdId()
      try {
        await ledger.hold(id, 'in', 1n, 1, NO_LIMITS)
      } catch {
        failures++
        await Promise.resolve(ledger.release(id)).catch(() => undefined)
        return
      }
      try {
        await ledger.commit(id)
        booked++
      } catch {
        failed.push(id)
      }
    }
    while (failures < 200) await Promise.all(Array.from({ length: 50 }, add))
    expect(booked).toBeGreaterThan(100n)
    execFileSync('mount', ['-o', 'remount,size=16m', path])
    for (const id of failed) {
      await ledger.commit(id)
      booked++
    }
    await ledger.commit(await held(ledger))
    booked++
    await store.close()
    const after = levelStore({ location })
    const books = await after.open('alice')
    expect(books.snapshot()).toMatchObject({ committed: booked, holdsIn: 0n })
    expect((await books.outstanding()).unconfirmed).toHaveLength(Number(booked))
    await after.close()
  })

  it('that is full when the process dies has what was acknowledged', async ({ skip }) => {
    const path = await tmpfs('size=1m')
    if (path === undefined) return skip()
    const location = join(path, 'store')
    const store = levelStore({ location })
    const ledger = await store.open('alice')
    let booked = 0n
    for (let failing = false; !failing;) {
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, async () => ledger.move(String(holdId()), 1n, 'money-in'))
      )
      failing = results.some(({ status }) => status === 'rejected')
      if (!failing) booked += 50n
    }
    // it cannot write what failed, and says so
    await expect(store.close()).rejects.toThrow()
    execFileSync('mount', ['-o', 'remount,size=16m', path])
    const after = levelStore({ location })
    const { committed } = await (await after.open('alice')).snapshot()
    // the batch that failed is there as a whole or not at all
    expect([booked, booked + 50n]).toContain(committed)
    await after.close()
  })
})

async function held(ledger: BalanceLedger): Promise<HoldId> {
  const id = holdId()
  await ledger.hold(id, 'in', 1n, 1, NO_LIMITS)
  return id
}
