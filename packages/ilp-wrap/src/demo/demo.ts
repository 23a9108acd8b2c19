import cliProgress from 'cli-progress'
import type { Output } from '../commands/terminal.js'
import { pay } from './payment.js'
import type { PaymentResult } from './payment.js'
import { reportTable, reportValue } from './report.js'

export interface DemoOptions {
  amount: bigint
  packet: bigint
  seed: number
  mode: 'text' | 'json' | 'quiet'
  out: Output
}

const TENTHS = 10n

/** Runs the main job and prints what came of it: whether every unit has arrived, once, and both books agree. */
export async function demo({ amount, packet, seed, mode, out }: DemoOptions): Promise<boolean> {
  const progress = mode === 'text' ? progressOn(out, amount) : undefined
  let result: PaymentResult
  try {
    result = await pay({ amount, packet, seed, ...(progress && { onProgress: progress.update }) })
  } finally {
    progress?.stop()
  }
  const { sent, delivered, balances } = result
  const complete =
    delivered === amount && sent === amount && balances.receiver === amount && balances.sender === -amount
  const report = { amount, packet, seed, ...result, complete }
  if (mode === 'text') out.write(reportTable(report))
  if (mode === 'json') out.write(`${JSON.stringify(reportValue(report), undefined, 2)}\n`)
  return complete
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
