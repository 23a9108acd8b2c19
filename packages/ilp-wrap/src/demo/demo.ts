import cliProgress from 'cli-progress'
import type { Output } from '../commands/terminal.js'
import { loadDemoPackages } from './packages.js'
import { pay } from './payment.js'
import { btpRails, legacyRails } from './rails.js'
import type { Rails } from './rails.js'
import { reportTable, reportValue, reportVerdict } from './report.js'
import type { Report } from './report.js'

export interface DemoOptions {
  amount: bigint
  packet: bigint
  seed: number
  mode: 'text' | 'json' | 'quiet'
  out: Output
}

const TENTHS = 10n

/**
 * Runs the main job, over plugins of both versions of the interface, and prints what came of it: whether every unit has
 * arrived, once, and the books of both ends agree.
 */
export async function demo(options: DemoOptions): Promise<boolean> {
  const { amount, packet, seed, mode, out } = options
  const packages = await loadDemoPackages()
  const parts = [() => btpRails(packages.PluginBtp, options), () => Promise.resolve(legacyRails(options))]
  const reports: Report[] = []
  for (const part of parts) {
    const rails = await part()
    if (mode === 'text') out.write(`${TITLES[rails.name]}\n`)
    const progress = mode === 'text' ? progressOn(out, amount) : undefined
    try {
      const result = await pay(packages, rails, { amount, packet, ...(progress && { onProgress: progress.update }) })
      const { sent, delivered, balances } = result
      const books = balances.receiver === amount && balances.sender === -amount
      const complete = delivered === amount && sent === amount && books
      reports.push({ name: rails.name, amount, packet, seed, ...result, complete })
    } finally {
      progress?.stop()
    }
    if (mode === 'text') out.write(`${reportTable(reports.at(-1) as Report)}\n`)
  }
  if (mode === 'text') out.write(reportVerdict(reports))
  if (mode === 'json') out.write(`${JSON.stringify(reportValue(reports), undefined, 2)}\n`)
  return reports.every(({ complete }) => complete)
}

const TITLES: Record<Rails['name'], string> = {
  btp: 'STREAM over wrapped BTP plugins, on a link that is slow, flaky and cut now and then',
  legacy: 'STREAM over plugins of version 1 that compat() makes version 2, with the same stack'
}

interface Progress {
  update: (delivered: bigint) => void
  stop: () => void
}

/** A bar on a terminal, a line for each tenth otherwise. */
function progressOn(out: Output, amount: bigint): Progress {
  if (out.isTTY === true) {
    const bar = new cliProgress.SingleBar({
      stream: out,
      format: 'paying [{bar}] {value}/{total} units',
      hideCursor: true,
      clearOnComplete: true
    })
    bar.start(Number(amount), 0)
    return {
      update: (delivered) => {
        bar.update(Number(delivered))
      },
      stop: () => {
        bar.stop()
      }
    }
  }
  let told = 0n
  return {
    update: (delivered) => {
      const tenth = (delivered * TENTHS) / amount
      if (tenth === told) return
      told = tenth
      out.write(`delivered ${delivered} of ${amount} units\n`)
    },
    stop: () => undefined
  }
}
