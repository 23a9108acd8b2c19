// Starts a package from the template: npm run new-middleware -- <name>
// @ts-check
import { root } from '../lib/files.js'
import { createMiddleware } from './create.js'

const [name, ...rest] = process.argv.slice(2)
if (name === undefined || rest.length > 0) {
  console.error('usage: npm run new-middleware -- <name-in-kebab-case>')
  process.exitCode = 1
} else {
  for (const file of await createMiddleware(root, name)) console.log(file)
  console.log(`\nNow run \`npm install\`, then \`npx vitest run packages/${name}\`, and write what it does.`)
}
