import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A directory of its own for a test, gone with it. */
export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ilp-wrap-level-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}
