// Everything but the tests that must hold before a change lands: `npm run check`. All steps run, so that one call
// tells all that is wrong; a step's output is shown only when it fails.
// @ts-check
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

// the rest reads what this makes
const first = ['build']
const rest = [
  'lint',
  'types',
  'format:check',
  'layering',
  'dead-code',
  'docs:snippets',
  'docs:links',
  'docs:errors',
  'docs:events',
  'docs:drawings',
  'docs:sizes',
  'docs:dependencies',
  'docs:schema',
  'lock:check',
  'packages:check'
]

/** @type {string[]} */
const failed = []

/** @param {string} step @returns {Promise<void>} */
function run(step) {
  const start = performance.now()
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', step], { stdio: ['ignore', 'pipe', 'pipe'] })
    /** @type {Buffer[]} */
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('close', (code) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step} (${seconds} s)`)
      if (code !== 0) {
        failed.push(step)
        process.stdout.write(Buffer.concat(output))
      }
      resolve()
    })
  })
}

/** @param {string[]} steps */
async function drain(steps) {
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) await run(step)
}

await drain(first)
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, () => drain(rest)))

if (failed.length > 0) {
  console.log(`\nfailed: ${failed.join(', ')}; run one alone with \`npm run <step>\``)
  process.exitCode = 1
}
