#!/usr/bin/env node
import { runCommand } from './commands/program.js'

const code = await runCommand(process.argv.slice(2), { out: process.stdout, err: process.stderr })
// Everything of ours is closed by now. ilp-plugin-btp leaves the timers of requests whose answers were lost, for 35
// seconds each, and they would keep the process; so it ends here, once what was printed is out.
process.stdout.write('', () => {
  process.exit(code)
})
