// Packs each package as npm would publish it and asks publint and attw whether others can use it. Needs a build.
// @ts-check
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packages, root } from './lib/files.js'

const attw = join(dirname(fileURLToPath(import.meta.resolve('@arethetypeswrong/cli/package.json'))), 'dist', 'index.js')
const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'ilp-wrap-packages-'))

/** What a package holds: what runs, its types and sources, what it reads, and the pages that npm shows. */
const shipped = /^(dist|src|schema|template)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/

/**
 * @param {ReturnType<typeof packages>[number]} package_
 * @param {{ filename: string, files: { path: string }[] }} packed
 * @returns {Promise<string[]>}
 */
async function problemsOf({ manifest }, packed) {
  const tarball = join(folder, packed.filename)
  const bytes = readFileSync(tarball)
  const { messages } = await publint({
    strict: true,
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) }
  })
  const problems = messages.map(
    (message) => `publint: ${formatMessage(message, manifest, { color: false }) ?? message.code}`
  )
  for (const { path } of packed.files) {
    if (!shipped.test(path) || path.endsWith('.tsbuildinfo')) problems.push(`${path} does not belong into the package`)
  }
  if (!packed.files.some(({ path }) => path === 'README.md')) problems.push('has no README.md')
  const options = ['--profile', 'esm-only', '--no-color', '--no-emoji', '--format', 'ascii']
  await run(process.execPath, [attw, tarball, ...options]).catch(
    (/** @type {{ stdout: string, stderr: string }} */ error) => {
      problems.push(`attw:\n${error.stdout}${error.stderr}`)
    }
  )
  return problems
}

let failed = false
try {
  const { stdout } = await run('npm', ['pack', '--json', '--workspaces', '--pack-destination', folder], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024
  })
  /** @type {{ name: string, filename: string, files: { path: string }[] }[]} */
  const packed = Object.values(JSON.parse(stdout))
  for (const package_ of packages().filter(({ manifest }) => manifest.private !== true)) {
    const found = packed.find(({ name }) => name === package_.manifest.name)
    const problems = found === undefined ? ['was not packed'] : await problemsOf(package_, found)
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${package_.manifest.name}`)
    for (const problem of problems) console.log(`  ${problem}`)
    failed ||= problems.length > 0
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
