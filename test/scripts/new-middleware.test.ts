import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from 'prettier'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import ts from 'typescript'
import { createMiddleware } from '../../scripts/new-middleware/create.js'
import { root } from '../../scripts/lib/files.js'

/** A repository as far as the script needs one. */
let copy = ''

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'ilp-wrap-new-'))
  for (const file of ['lerna.json', 'tsconfig.json', 'tsconfig.base.json', '.prettierrc.json']) {
    cpSync(join(root, file), join(copy, file))
  }
  const umbrella = join(copy, 'packages/ilp-wrap')
  mkdirSync(join(umbrella, 'src'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json'])
    cpSync(join(root, 'packages/ilp-wrap', file), join(umbrella, file))
  writeFileSync(join(umbrella, 'src/index.ts'), `export { retry } from '@ilp-wrap/retry'\n`)
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir')
})

afterEach(() => {
  rmSync(copy, { recursive: true, force: true })
})

function read(file: string): string {
  return readFileSync(join(copy, file), 'utf8')
}

describe('new-middleware', { timeout: 60_000 }, () => {
  it('makes a package whose files, names and text carry the new name alone', async () => {
    const written = await createMiddleware(copy, 'hop-count')
    expect(readdirSync(join(copy, 'packages/hop-count'), { recursive: true }).map(String).sort()).toEqual([
      'README.md',
      'package.json',
      'src',
      'src/events.ts',
      'src/hop-count.ts',
      'src/index.ts',
      'test',
      'test/hop-count.test.ts',
      'tsconfig.json'
    ])
    for (const file of written) expect(read(file)).not.toMatch(/data-?limit/i)
    expect(read('packages/hop-count/src/hop-count.ts')).toContain('export function hopCount(options: HopCountOptions)')
  })

  it('writes files that are formatted as all others are', async () => {
    for (const file of await createMiddleware(copy, 'a-name-that-makes-many-of-the-lines-longer')) {
      const options = {
        semi: false,
        singleQuote: true,
        printWidth: 120,
        trailingComma: 'none',
        filepath: file
      } as const
      expect([file, await check(read(file), options)]).toEqual([file, true])
    }
  })

  it('makes sources that compile against core', async () => {
    await createMiddleware(copy, 'hop-count')
    const config = ts.getParsedCommandLineOfConfigFile(
      join(copy, 'packages/hop-count/tsconfig.json'),
      { composite: false, noEmit: true, skipLibCheck: true, customConditions: ['@ilp-wrap/source'], rootDir: '/' },
      {
        ...ts.sys,
        onUnRecoverableConfigFileDiagnostic: (diagnostic) =>
          expect.fail(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'))
      }
    )
    expect(config?.fileNames).toHaveLength(3)
    const program = ts.createProgram({ rootNames: config?.fileNames ?? [], options: config?.options ?? {} })
    const found = ts.getPreEmitDiagnostics(program)
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
  })

  it('tells the workspace and the umbrella of it', async () => {
    const { version } = JSON.parse(read('lerna.json')) as { version: string }
    await createMiddleware(copy, 'hop-count')
    const solution = JSON.parse(read('tsconfig.json')) as { references: { path: string }[] }
    expect(solution.references.slice(-2)).toEqual([{ path: 'packages/hop-count' }, { path: 'packages/ilp-wrap' }])
    const umbrella = JSON.parse(read('packages/ilp-wrap/package.json')) as { dependencies: Record<string, string> }
    expect(umbrella.dependencies['@ilp-wrap/hop-count']).toBe(version)
    expect(Object.keys(umbrella.dependencies)).toEqual(Object.keys(umbrella.dependencies).toSorted())
    const references = JSON.parse(read('packages/ilp-wrap/tsconfig.json')) as { references: { path: string }[] }
    expect(references.references).toContainEqual({ path: '../hop-count' })
    expect(read('packages/ilp-wrap/src/index.ts')).toContain(`export { hopCount } from '@ilp-wrap/hop-count'`)
  })

  it('refuses a name that is taken or not in kebab-case, and writes nothing', async () => {
    await expect(createMiddleware(copy, 'ilp-wrap')).rejects.toThrow('packages/ilp-wrap is there already')
    await expect(createMiddleware(copy, 'hopCount')).rejects.toThrow('Expected a name in kebab-case, got `hopCount`')
    expect(readdirSync(join(copy, 'packages'))).toEqual(['ilp-wrap'])
  })
})
