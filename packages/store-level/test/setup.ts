import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { ChainedBatch, ChainedBatchWriteOptions, OpenOptions } from 'classic-level'
import { onTestFinished } from 'vitest'

/** A directory of its own for a test, gone with it. */
export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ilp-wrap-level-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

/** Has the disk of a database be full when the test says so. */
export class FullDisk {
  full = false
  /** Whether it can be opened, and not be written. */
  stuck = false
  openings = 0
  /** How many changes each batch had. */
  readonly changes: number[] = []

  /** A database on it. */
  readonly make = (location: string): ClassicLevel => {
    const level = new ClassicLevel(location)
    const open = level.open.bind(level)
    level.open = async (options?: OpenOptions) => {
      this.openings++
      if (this.full) throw new Error('No space left on device')
      await open(options ?? {})
    }
    const batch = level.batch.bind(level) as () => ChainedBatch<ClassicLevel, string, string>
    level.batch = (() => {
      const chain = batch()
      const write = chain.write.bind(chain)
      chain.write = async (options?: ChainedBatchWriteOptions) => {
        this.changes.push(chain.length)
        if (!this.full && !this.stuck) return write(options ?? {})
        await turn()
        await chain.close()
        throw new Error(this.full ? 'No space left on device' : 'Input/output error')
      }
      return chain
    }) as ClassicLevel['batch']
    return level
  }
}
