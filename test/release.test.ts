import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../scripts/lib/files.js'

// What lerna would make of the commits so far, in a clone that is thrown away: nothing is tagged, pushed or published.

const lerna = join(root, 'node_modules', 'lerna', 'dist', 'cli.js')
const run = promisify(execFile)

interface Manifest {
  name: string
  version: string
  dependencies?: Record<string, string>
}

let clone = ''
let head = ''

function manifests(folder: string): Manifest[] {
  return readdirSync(join(folder, 'packages'))
    .map((name) => join(folder, 'packages', name, 'package.json'))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as Manifest)
}

async function headOf(folder: string): Promise<string> {
  return (await run('git', ['-C', folder, 'rev-parse', 'HEAD'])).stdout
}

describe.skipIf(!existsSync(join(root, '.git')))('a release', () => {
  beforeAll(async () => {
    clone = mkdtempSync(join(tmpdir(), 'ilp-wrap-release-'))
    await run('git', ['clone', '--quiet', root, clone])
    head = await headOf(clone)
    // lerna makes no versions where no branch is checked out, as in CI
    await run('git', ['-C', clone, 'checkout', '--quiet', '-B', 'main'])
    symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'), 'dir')
    const args = ['version', '--force-publish', '--no-git-tag-version', '--no-push', '--yes']
    const env = { ...process.env, NX_DAEMON: 'false', npm_config_offline: 'true' }
    await run(process.execPath, [lerna, ...args], { cwd: clone, env })
  }, 180_000)

  afterAll(() => {
    rmSync(clone, { recursive: true, force: true })
  }, 60_000)

  it('gives all packages the same next version, and asks each for just that version of the others', () => {
    const { version } = JSON.parse(readFileSync(join(clone, 'lerna.json'), 'utf8')) as { version: string }
    const before = JSON.parse(readFileSync(join(root, 'lerna.json'), 'utf8')) as { version: string }
    expect(version).not.toBe(before.version)
    const made = manifests(clone)
    const names = new Set(made.map(({ name }) => name))
    expect(new Set(made.map((manifest) => manifest.version))).toEqual(new Set([version]))
    const internal = made.flatMap(({ dependencies = {} }) =>
      Object.entries(dependencies).filter(([name]) => names.has(name))
    )
    expect(internal.length).toBeGreaterThan(0)
    expect(internal.filter(([, range]) => range !== version)).toEqual([])
  })

  it('writes the changelogs from the commits', () => {
    for (const { name, version } of manifests(clone)) {
      const folder = name.replace('@ilp-wrap/', '')
      expect(readFileSync(join(clone, 'packages', folder, 'CHANGELOG.md'), 'utf8')).toContain(version)
    }
    expect(readFileSync(join(clone, 'CHANGELOG.md'), 'utf8')).toContain('conventionalcommits.org')
  })

  it('leaves nothing behind but that: no tag, no commit, no other file', async () => {
    const { stdout } = await run('git', ['-C', clone, 'status', '--porcelain', '--untracked-files=all'])
    const others = stdout
      .split('\n')
      .filter(
        (line) =>
          line !== '' && !/ (lerna\.json|package-lock\.json|packages\/[^/]+\/package\.json|.*CHANGELOG\.md)$/.test(line)
      )
      .filter((line) => !line.endsWith(' node_modules'))
    expect(others).toEqual([])
    expect(await headOf(clone)).toBe(head)
  })
})
