import { describe, expect, it } from 'vitest'
import { durableCases, ledgerCases, ledgerConformance } from '../src/conformance.js'
import type { HoldId, LedgerStore } from '../src/ledger.js'
import { MemoryLedger, memoryLedger } from '../src/memory-ledger.js'
import { SlowStore } from './slow-ledger.js'

describe('a ledger that gives promises and outlasts its process', () => {
  ledgerConformance({ describe, it }, () => new SlowStore(), {
    reopen: (store) => {
      if (!(store instanceof SlowStore)) throw new Error('a store of another kind')
      return store.reopen()
    }
  })
})

describe('ledgerConformance', () => {
  const faulty = (Ledger: typeof MemoryLedger) => (): LedgerStore => {
    const accounts = new Map<string, MemoryLedger>()
    return {
      open(account) {
        const ledger = accounts.get(account) ?? new Ledger()
        accounts.set(account, ledger)
        return ledger
      },
      async *accounts() {
        yield* accounts.keys()
      },
      close: () => Promise.resolve()
    }
  }

  const failing = async (factory: () => LedgerStore): Promise<string[]> => {
    const titles: string[] = []
    for (const { title, run } of ledgerCases) await run(factory).catch(() => titles.push(title))
    return titles
  }

  it('finds no fault with a good ledger', async () => {
    expect(await failing(faulty(MemoryLedger))).toEqual([])
  })

  it('finds a ledger that books each commit', async () => {
    class Faulty extends MemoryLedger {
      override commit(id: HoldId): void {
        super.commit(id)
        if (id.status === 'committed') this.move(`${Math.random()}`, id.amount, 'adjust')
      }
    }
    expect(await failing(faulty(Faulty))).toContain('books one commit of many (in)')
  })

  it('finds a ledger that forgets a hold with its release', async () => {
    class Faulty extends MemoryLedger {
      override commit(id: HoldId): void {
        if (id.status !== 'released') super.commit(id)
      }
    }
    expect(await failing(faulty(Faulty))).toEqual([
      'books a commit that comes after a release, once (in)',
      'books a commit that comes after a release, once (out)',
      'confirms commits, and nothing else',
      ...[1, 2, 3, 4].map((seed) => `agrees with plain sums over a random course (${seed})`)
    ])
  })

  it('finds a ledger that shares books', async () => {
    const one = new MemoryLedger()
    const titles = await failing(() => ({
      open: () => one,
      async *accounts() {},
      close: () => Promise.resolve()
    }))
    expect(titles).toContain('keeps accounts apart, whatever their names')
  })

  it('finds a ledger that forgets all at a crash', async () => {
    const titles: string[] = []
    for (const { title, run } of durableCases) {
      await run(memoryLedger, { reopen: () => memoryLedger() }).catch(() => titles.push(title))
    }
    expect(titles).toEqual([
      'keeps the balance over a crash',
      'knows over a crash what it has booked',
      'takes money that was open at a crash for suspended',
      'keeps outgoing holds whose process is gone',
      'lets go of outgoing holds whose process is gone when they expire, and names them',
      'lets go of holds that expired before 1970, and lists their commits',
      'lists commits that nobody confirmed, until they are resolved',
      'tells of suspended money at each start',
      'changes nothing for who only looks'
    ])
  })

  it('asks for `reopen` where a case needs it', async () => {
    await expect(durableCases[0]!.run(memoryLedger)).rejects.toThrow('Expected the option `reopen`')
  })
})
