import Table from 'cli-table3'
import pc from 'picocolors'
import type { PaymentResult } from './payment.js'
import type { RailsName } from './rails.js'

export interface Report extends PaymentResult {
  name: RailsName
  amount: bigint
  packet: bigint
  seed: number
  complete: boolean
}

/** The reports as JSON takes them, by the rails that were paid over: amounts are decimal strings. */
export function reportValue(reports: readonly Report[]): object {
  return {
    complete: reports.every(({ complete }) => complete),
    ...Object.fromEntries(reports.map((report) => [report.name, paymentValue(report)]))
  }
}

function paymentValue(report: Report): object {
  const { counts, durationMs } = report
  return {
    complete: report.complete,
    seed: report.seed,
    amount: report.amount.toString(),
    packet: report.packet.toString(),
    sent: report.sent.toString(),
    delivered: report.delivered.toString(),
    balances: { sender: report.balances.sender.toString(), receiver: report.balances.receiver.toString() },
    packets: counts.packets,
    outcomes: counts.outcomes,
    faults: report.faults,
    durationMs: Math.round(durationMs),
    packetsPerSecond: packetsPerSecond(report)
  }
}

export function reportTable(report: Report): string {
  const { counts } = report
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'right'] })
  table.push(
    ['units to pay', String(report.amount)],
    ['units sent', String(report.sent)],
    ['units delivered', String(report.delivered)],
    ['balance of the sender', String(report.balances.sender)],
    ['balance of the receiver', String(report.balances.receiver)],
    ['packets sent', String(counts.packets)],
    ...named('  ', counts.outcomes),
    ['faults on the way', String(Object.values(report.faults).reduce((sum, n) => sum + n, 0))],
    ...named('  ', report.faults),
    ['time', `${(report.durationMs / 1000).toFixed(2)} s`],
    ['packets per second', String(packetsPerSecond(report))]
  )
  return `${table.toString()}\n`
}

export function reportVerdict(reports: readonly Report[]): string {
  return reports.every(({ complete }) => complete)
    ? `${pc.green('Every unit has arrived, once, and the books of both ends agree.')}\n`
    : `${pc.red('Units or books do not agree.')}\n`
}

function packetsPerSecond({ counts, durationMs }: Report): number {
  return Math.round((counts.packets / durationMs) * 1000)
}

function named(indent: string, counts: Record<string, number>): [string, string][] {
  return Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, n]) => [`${indent}${name}`, String(n)])
}
