#!/usr/bin/env node
import { runCommand } from './commands/program.js'

process.exitCode = await runCommand(process.argv.slice(2))
