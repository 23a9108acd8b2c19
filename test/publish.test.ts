import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { packages, root } from '../scripts/lib/files.js'
import { leftInBundle } from '../scripts/lib/shaken.js'

// What users get: each package is packed as npm would publish it, and all are installed together into an empty project.

const run = promisify(execFile)
const { resolve } = createRequire(import.meta.url)
const typescript = join(dirname(resolve('typescript/package.json')), 'bin', 'tsc')
const typeRoots = dirname(dirname(resolve('@types/node/package.json')))

/** Every module that can be imported: the packages and their subpaths. */
const modules = packages().flatMap(({ manifest }) =>
  Object.entries(manifest.exports ?? {})
    .filter(([, target]) => typeof target === 'object')
    .map(([subpath]) => manifest.name + subpath.slice(1))
)

/** What npm says when it gets to no registry. */
const unreachable = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)\b/

let project = ''
let away = false

async function install(tarballs: string[]): Promise<void> {
  const args = [
    'install',
    '--prefix',
    project,
    '--prefer-offline',
    '--fetch-retries=1',
    '--no-audit',
    '--no-fund',
    ...tarballs
  ]
  await run('npm', args, { cwd: project }).catch((error: unknown) => {
    away = unreachable.test((error as { stderr: string }).stderr)
    if (!away) throw error
  })
}

function node(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, args, { cwd: project })
}

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'ilp-wrap-project-'))
  const packed = join(project, 'packed')
  mkdirSync(packed)
  await run('npm', ['pack', '--workspaces', '--ignore-scripts', '--pack-destination', packed], { cwd: root })
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true }))
  const tarballs = readdirSync(packed).filter((file) => file.endsWith('.tgz'))
  await install(tarballs.map((file) => join(packed, file)))
}, 240_000)

afterAll(() => {
  rmSync(project, { recursive: true, force: true })
}, 60_000)

beforeEach(({ skip }) => {
  skip(away, 'no registry can be reached')
})

describe('the packages, installed into an empty project', () => {
  it('are imported, and required, with the same exports and not a word', async () => {
    const names = `Object.keys(module).filter((name) => name !== 'default' && name !== 'module.exports').sort()`
    const specifiers = JSON.stringify(modules.filter((name) => name !== 'ilp-wrap/plugin'))
    writeFileSync(
      join(project, 'use.mjs'),
      `const all = {}
      for (const name of ${specifiers}) { const module = await import(name); all[name] = ${names} }
      console.log(JSON.stringify(all))`
    )
    writeFileSync(
      join(project, 'use.cjs'),
      `const all = {}
      for (const name of ${specifiers}) { const module = require(name); all[name] = ${names} }
      console.log(JSON.stringify(all))`
    )
    const [imported, required] = await Promise.all([node('use.mjs'), node('use.cjs')])
    expect(imported.stderr).toBe('')
    expect(required).toEqual(imported)
    const exports = JSON.parse(imported.stdout) as Record<string, string[]>
    expect(Object.entries(exports).filter(([, names]) => names.length === 0)).toEqual([])
    expect(exports['ilp-wrap']).toEqual(expect.arrayContaining(['balance', 'compat', 'recommended', 'retry', 'wrap']))
  })

  it('give a connector the plugin class by its name alone', async () => {
    const script = `const Plugin = require('ilp-wrap/plugin'); console.log(typeof Plugin, Plugin.version)`
    expect(await node('--eval', script)).toEqual({ stdout: 'function 2\n', stderr: '' })
  })

  it('work: the quickstart runs on them', async () => {
    cpSync(join(root, 'examples', 'quickstart.js'), join(project, 'quickstart.mjs'))
    const { stdout, stderr } = await node('quickstart.mjs')
    expect(stderr).toBe('')
    expect(stdout).toContain('the receiver is owed 200n')
  })

  it('bring the command, without the plugins that only its demo needs', async () => {
    const { stdout } = await run(join(project, 'node_modules', '.bin', 'ilp-wrap'), ['--help'])
    expect(stdout).toContain('Usage: ilp-wrap')
  })

  it('are typed by the rules of Node 20, their declarations checked strictly too', { timeout: 180_000 }, async () => {
    const folder = join(project, 'typed')
    mkdirSync(folder)
    const names = modules.map((_, index) => `m${index}`).join(', ')
    const careful = `const plugin: unknown = new ConnectorPlugin({ plugin: 'ilp-plugin-btp' }, {})
      const count: number = [${names}].length
      export { plugin, count }`
    writeFileSync(
      join(folder, 'import.mts'),
      modules.map((name, index) => `import * as m${index} from '${name}'\n`).join('') +
        `import { ConnectorPlugin } from 'ilp-wrap/plugin'\n${careful}`
    )
    writeFileSync(
      join(folder, 'require.cts'),
      modules.map((name, index) => `import m${index} = require('${name}')\n`).join('') +
        `const list: unknown[] = [${names}]\nexport = list`
    )
    const compilerOptions = {
      module: 'node20',
      target: 'es2023',
      lib: ['es2023'],
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [typeRoots]
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    const { stdout } = await node(typescript, '--project', folder).catch(
      (error: unknown) => error as { stdout: string }
    )
    expect(stdout).toBe('')
  })

  it('run nothing on installation, but classic-level', () => {
    const lock = JSON.parse(readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean }>
    }
    const scripts = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript === true)
    expect(scripts.map(([path]) => path)).toEqual(['node_modules/classic-level'])
  })
})

describe('a bundle with only retry', () => {
  it('holds no other middleware, and of RxJS what core and retry import by name', async () => {
    const left = await leftInBundle(`import { retry } from 'ilp-wrap'; console.log(retry)`, project)
    const ours = left.flatMap((file) => /node_modules\/(@ilp-wrap\/[^/]+|ilp-wrap)\/./.exec(file)?.[1] ?? [])
    expect([...new Set(ours)].sort()).toEqual(['@ilp-wrap/core', '@ilp-wrap/retry'])

    const names = ['core', 'retry'].flatMap((name) =>
      imported(join(project, 'node_modules', '@ilp-wrap', name, 'dist'))
    )
    const used = await leftInBundle(`export { ${[...new Set(names)].join(', ')} } from 'rxjs'`, project)
    const rxjs = left.filter((file) => file.includes('node_modules/rxjs/'))
    expect(rxjs.length).toBeGreaterThan(0)
    expect(rxjs.filter((file) => !used.includes(file))).toEqual([])
    // what is held against would be no bound if it were all of RxJS
    const everything = await leftInBundle(`export * from 'rxjs'`, project)
    expect(used.length).toBeLessThan(everything.length / 2)
  })
})

/** What the built files in a folder import from RxJS by name. */
function imported(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/import \{([^}]*)\} from 'rxjs'/g)])
    .flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
}
