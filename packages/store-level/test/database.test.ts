import type { ClassicLevel } from 'classic-level'
import { describe, expect, it } from 'vitest'
import { Database } from '../src/database.js'
import { directory, FullDisk, turn } from './setup.js'

const closed = { name: 'PluginError', code: 'ILP_WRAP_LEDGER_CLOSED' }
const batch = new Map([['1/a', 'b']])

/** A database whose last write has failed, and whose disk has space again. */
async function broken() {
  const disk = new FullDisk()
  const levels: ClassicLevel[] = []
  const location = await directory()
  const database = new Database(location, (path) => {
    const level = disk.make(path)
    levels.push(level)
    return level
  })
  await database.open()
  disk.full = true
  await expect(database.write(batch, true)).rejects.toMatchObject({ code: 'ILP_WRAP_STORE_UNAVAILABLE' })
  disk.full = false
  return { database, disk, location, level: levels[0]! }
}

describe('a database whose write has failed', () => {
  it('is opened once for all who wait for it', async () => {
    const { database, disk, level } = await broken()
    const { openings } = disk
    const reading = database.read((opened) => opened.get('1/format'))
    await Promise.all([database.ready(), database.write(batch, true), database.ready()])
    expect(await reading).toBe('ilp-wrap')
    await database.ready()
    expect([disk.openings, level.status]).toEqual([openings + 1, 'open'])
    expect(database.get('1/a')).toBe('b')
    await database.close()
  })

  it('is not closed under what is being read', async () => {
    const { database, disk, level } = await broken()
    await database.ready()
    const reading = database.read(async (opened) => {
      await turn()
      await turn()
      return opened.get('1/format')
    })
    await turn()
    disk.full = true
    await expect(database.write(batch, true)).rejects.toThrow('No space left')
    disk.full = false
    const ready = database.ready()
    expect(await reading).toBe('ilp-wrap')
    await ready
    const last = database.read(async (opened) => {
      await turn()
      return opened.get('1/format')
    })
    await Promise.resolve()
    await database.close()
    expect(await last).toBe('ilp-wrap')
    expect(level.status).toBe('closed')
  })

  it('is not opened again once it is closed', async () => {
    const { database, disk, level } = await broken()
    await database.close()
    const { openings } = disk
    await expect(database.ready()).rejects.toMatchObject(closed)
    await expect(database.write(batch, true)).rejects.toMatchObject(closed)
    await expect(database.read((opened) => opened.get('1/a'))).rejects.toMatchObject(closed)
    expect([disk.openings, level.status]).toEqual([openings, 'closed'])
  })

  it('that is closed while it is being opened is closed in the end', async () => {
    const { database, level } = await broken()
    const ready = database.ready()
    await database.close()
    await ready
    expect(level.status).toBe('closed')
  })
})

it('what cannot be read is an error that says so', async () => {
  const { database, level } = await broken()
  await database.ready()
  level.getSync = () => {
    throw new Error('Input/output error')
  }
  expect(() => database.get('1/a')).toThrow(
    expect.objectContaining({
      name: 'InvalidServicesError',
      code: 'ILP_WRAP_STORE_UNAVAILABLE',
      message: expect.stringContaining('Input/output error') as string
    }) as Error
  )
  await expect(database.read(() => Promise.reject(new Error('Input/output error')))).rejects.toMatchObject({
    name: 'InvalidServicesError'
  })
  await database.close()
})
