// Writes the drawings of docs/images from scripts/lib/drawings.js: npm run docs:write. With --check it only compares.
// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packet, stack } from './lib/drawings.js'
import { root, shown } from './lib/files.js'

for (const [name, text] of Object.entries({ stack: stack(), packet: packet() })) {
  const file = join(root, 'docs', 'images', `${name}.svg`)
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.log(`${shown(file)} is not what its source says: npm run docs:write`)
    process.exitCode = 1
  }
}
