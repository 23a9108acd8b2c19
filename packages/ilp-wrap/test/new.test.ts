import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { runCommand } from '../src/commands/program.js'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ilp-wrap-new-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const streams = { out: new PassThrough(), err: new PassThrough() }
  const text = { out: '', err: '' }
  for (const name of ['out', 'err'] as const) streams[name].on('data', (chunk) => (text[name] += String(chunk)))
  const code = await runCommand(['new', ...args], streams)
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

describe('ilp-wrap new', () => {
  it('writes a package of its own, and says what to do next', async () => {
    const folder = join(directory, 'hops')
    const { code, out, err } = await run('@acme/hop-count', '--directory', folder)
    expect([code, err]).toEqual([0, ''])
    expect(filesIn(folder)).toEqual([
      '.gitignore',
      'README.md',
      'package.json',
      'src/events.ts',
      'src/hop-count.ts',
      'src/index.ts',
      'test/hop-count.test.ts',
      'tsconfig.build.json',
      'tsconfig.json'
    ])
    for (const file of filesIn(folder)) {
      expect(out).toContain(file)
      expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/data-?limit|0\.0\.0|@ilp-wrap\/source/i)
    }
    expect(out).toMatch(/\nNow: cd \S+hops && npm install && npm test, and write what it does\.\n$/)
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({
      name: '@acme/hop-count',
      version: '0.1.0',
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
      dependencies: { '@ilp-wrap/core': `^${manifest.version}` },
      devDependencies: { '@ilp-wrap/testing': `^${manifest.version}`, vitest: expect.stringMatching(/^~4/) as string }
    })
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain('# @acme/hop-count\n')
    expect(readFileSync(join(folder, 'src/hop-count.ts'), 'utf8')).toContain("name: 'hop-count'")
  })

  it('takes an empty directory, and overwrites nothing', async () => {
    const folder = join(directory, 'hop-count')
    mkdirSync(folder)
    expect((await run('hop-count', '--directory', folder)).code).toBe(0)
    const before = readFileSync(join(folder, 'package.json'), 'utf8')
    const again = await run('other-count', '--directory', folder)
    expect(again.code).toBe(1)
    expect(again.err).toMatch(/^ilp-wrap: \S+hop-count is there already: take another name, or another --directory\n$/)
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe(before)
    expect(existsSync(join(folder, 'src/other-count.ts'))).toBe(false)
    const file = join(directory, 'file')
    writeFileSync(file, '')
    expect((await run('hop-count', '--directory', file)).err).toContain('is there already')
  })

  it('puts it where it is run, by its name without the scope, if no directory is given', async () => {
    // a folder that is there: nothing is written
    const taken = readdirSync('.', { withFileTypes: true }).find(
      (entry) => entry.isDirectory() && /^[a-z]+$/.test(entry.name)
    )
    const name = String(taken?.name)
    expect(await run(`@acme/${name}`)).toEqual({
      code: 1,
      out: '',
      err: `ilp-wrap: ${name} is there already: take another name, or another --directory\n`
    })
    expect((await run('hop-count', '--directory', '.')).err).toContain('ilp-wrap: . is there already')
  })

  it('refuses names that are none, or that its sources could not bear', async () => {
    for (const name of ['HopCount', 'hop_count', '-hop', '@acme/', '@Acme/hop-count', '../hop-count', '1hop']) {
      const { code, err } = await run('--directory', join(directory, 'x'), '--', name)
      expect(code).toBe(1)
      expect(err).toBe(
        `ilp-wrap: Expected \`name\` to be in kebab-case, with or without a scope, got \`${name}\` (string)\n`
      )
    }
    // a function of the language, a file and an import of the template
    for (const name of ['delete', '@acme/events', 'reject', 'index']) {
      const { err } = await run(name, '--directory', join(directory, 'x'))
      expect(err).toContain('Expected `name` to be a word of its own, such as `my-thing`')
    }
    expect(readdirSync(directory)).toEqual([])
  })

  it('shows how it is used', async () => {
    expect((await run('--help')).out).toContain('Examples:')
    expect((await run()).err).toContain("missing required argument 'name'")
  })
})
