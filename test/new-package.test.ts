import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { root } from '../scripts/lib/files.js'

// What `ilp-wrap new` makes is a package that stands alone: it is made, built and tested as its owner would do so, with
// the packages of this workspace where `npm install` would put those that are published.

let directory = ''

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

it('a new package compiles and passes its tests as it is', { timeout: 240_000 }, async () => {
  directory = mkdtempSync(join(tmpdir(), 'ilp-wrap-new-'))
  // with the sources of the workspace, whose condition the tests here run under, it would not be alone
  const env = { ...process.env, NODE_OPTIONS: '' }
  const run = async (command: string, ...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(command, args, { cwd: directory, env })
    return stdout
  }
  const bin = join(root, 'packages/ilp-wrap/dist/bin.js')
  await run(process.execPath, bin, 'new', '@acme/hop-count', '--directory', '.')
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  await run('npm', 'run', '--silent', 'build')
  expect(existsSync(join(directory, 'dist/hop-count.d.ts'))).toBe(true)
  const told = await run('npm', 'test', '--silent', '--', '--reporter=json')
  const report = JSON.parse(told.slice(told.indexOf('{'))) as Record<string, unknown>
  expect(report).toMatchObject({ success: true, numFailedTests: 0 })
  // its own, and those of the conformance suite
  expect(report['numPassedTests']).toBeGreaterThan(80)
  // and it is what it says: an ES module that others import
  const program = "import { hopCount } from '@acme/hop-count'; console.log(hopCount({ maximumBytes: 1 }).length)"
  expect(await run(process.execPath, '--input-type=module', '--eval', program)).toMatch(/^\d\n$/)
})
