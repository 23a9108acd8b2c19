/**
 * What every ledger must do, as plain cases for any test framework.
 *
 * ```ts
 * ledgerConformance({ describe, it }, () => openStore(directory()), { reopen: (store) => openStore(store.directory) })
 * ```
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '@ilp-wrap/core'
import { holdId } from './ids.js'
import type {
  Awaitable,
  BalanceLedger,
  HoldDirection,
  HoldId,
  LedgerObserver,
  LedgerSnapshot,
  LedgerStore,
  Limits,
  PacketEntry,
  SuspendedMoney
} from './ledger.js'

/** Makes a store with no account in it. */
export type LedgerFactory = () => Awaitable<LedgerStore>

export interface LedgerConformanceOptions {
  /**
   * For ledgers that outlast their process: another store over what `store` has kept, as after a crash, with the process
   * of `store` gone. `store` may be closed for it, and will be closed once more. Default: the ledger keeps nothing.
   */
  reopen?: (store: LedgerStore) => Awaitable<LedgerStore>
}

export interface LedgerCase {
  readonly title: string
  /** Rejects with an AssertionError when the ledger is at fault. */
  readonly run: (factory: LedgerFactory, options?: LedgerConformanceOptions) => Promise<void>
}

/** The two functions of vitest, mocha, node:test or jest that the suite needs. */
export interface TestFramework {
  readonly describe: (title: string, body: () => void) => unknown
  readonly it: (title: string, run: () => Promise<void>) => unknown
}

/** Runs all cases in a framework's own `describe` and `it`. */
export function ledgerConformance(
  { describe, it }: TestFramework,
  factory: LedgerFactory,
  options: LedgerConformanceOptions = {}
): void {
  describe('conforms to BalanceLedger', () => {
    for (const { title, run } of options.reopen === undefined ? ledgerCases : [...ledgerCases, ...durableCases]) {
      it(title, () => run(factory, options))
    }
  })
}

const NO_LIMITS: Limits = { maximum: undefined, minimum: undefined }
const DIRECTIONS: readonly HoldDirection[] = ['in', 'out']
const FAR = 8_000_000_000_000

/** Before 1970, the first the earliest that a Date can be. */
const EARLY = [-8_640_000_000_000_000, -1] as const

/** Limits that let 10 pass on a fresh account, whichever the direction. */
const TEN: Limits = { maximum: 10n, minimum: -10n }

function ledgerCase(title: string, test: (ledger: BalanceLedger, store: LedgerStore) => Promise<void>): LedgerCase {
  return {
    title,
    async run(factory) {
      const store = await factory()
      try {
        await test(await store.open('alice', new Observer()), store)
      } finally {
        await store.close()
      }
    }
  }
}

/** Keeps what a ledger tells. */
class Observer implements LedgerObserver {
  readonly told: ({ expired: PacketEntry } | { suspended: SuspendedMoney })[] = []

  expired({ id, direction, amount, expiresAt }: PacketEntry): void {
    this.told.push({ expired: { id, direction, amount, expiresAt } })
  }

  suspended({ id, amount }: SuspendedMoney): void {
    this.told.push({ suspended: { id, amount } })
  }
}

/** `crash` gives the books as another process finds them. */
function durableCase(
  title: string,
  test: (ledger: BalanceLedger, crash: (observer?: LedgerObserver | null) => Promise<BalanceLedger>) => Promise<void>
): LedgerCase {
  return {
    title,
    async run(factory, { reopen } = {}) {
      assert(reopen !== undefined, 'Expected the option `reopen`')
      const stores = [await factory()]
      try {
        await test(
          await (stores[0] as LedgerStore).open('alice', new Observer()),
          async (observer = new Observer()) => {
            const again = await reopen(stores[0] as LedgerStore)
            stores.unshift(again)
            return observer === null ? again.open('alice') : again.open('alice', observer)
          }
        )
      } finally {
        for (const store of stores) await store.close()
      }
    }
  }
}

async function held(
  ledger: BalanceLedger,
  direction: HoldDirection,
  amount: bigint,
  limits: Limits = NO_LIMITS,
  expiresAt: number = FAR
): Promise<HoldId> {
  const id = holdId()
  assert.equal(await ledger.hold(id, direction, amount, expiresAt, limits), 'held')
  return id
}

async function lists(
  ledger: BalanceLedger,
  expected: { holds?: readonly object[]; unconfirmed?: readonly object[] }
): Promise<void> {
  const { holds, unconfirmed } = await ledger.outstanding()
  assert.deepEqual(
    {
      holds: holds
        .map(({ id, direction, amount, expiresAt, lost }) => ({ id, direction, amount, expiresAt, lost }))
        .sort(byId),
      unconfirmed: unconfirmed
        .map(({ id, direction, amount, expiresAt }) => ({ id, direction, amount, expiresAt }))
        .sort(byId)
    },
    { holds: [], unconfirmed: [], ...expected }
  )
}

function byId(one: { id: string }, other: { id: string }): number {
  return one.id.localeCompare(other.id)
}

/** Waits until `done`, as long as the contract lets a ledger take. */
async function eventually(done: () => boolean): Promise<void> {
  const end = systemClock.monotonic() + 10_000
  while (!done() && systemClock.monotonic() < end) {
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 20))
  }
  assert(done(), 'It did not happen in time')
}

const TERMS = { threshold: 0n, target: 10n, smallest: 5n }

async function shows(ledger: BalanceLedger, expected: Partial<LedgerSnapshot>): Promise<void> {
  const { committed, holdsIn, holdsOut, suspended } = await ledger.snapshot()
  assert.deepEqual(
    { committed, holdsIn, holdsOut, suspended: suspended.map(({ id, amount }) => ({ id, amount })) },
    { committed: 0n, holdsIn: 0n, holdsOut: 0n, suspended: [], ...expected }
  )
}

/** The sign that a commit of this direction has. */
function signed(direction: HoldDirection, amount: bigint): bigint {
  return direction === 'in' ? amount : -amount
}

export const ledgerCases: readonly LedgerCase[] = [
  ledgerCase('starts at zero', async (ledger) => {
    await shows(ledger, {})
  }),

  ...DIRECTIONS.flatMap((direction) => [
    ledgerCase(`holds and commits (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 7n)
      await shows(ledger, direction === 'in' ? { holdsIn: 7n } : { holdsOut: 7n })
      await ledger.commit(id)
      await shows(ledger, { committed: signed(direction, 7n) })
    }),

    ledgerCase(`holds and releases (${direction})`, async (ledger) => {
      await ledger.release(await held(ledger, direction, 7n))
      await shows(ledger, {})
    }),

    ledgerCase(`holds just what its limit allows (${direction})`, async (ledger) => {
      await held(ledger, direction, 4n, TEN)
      assert.equal(await ledger.hold(holdId(), direction, 7n, FAR, TEN), 'over-limit')
      await held(ledger, direction, 6n, TEN)
      assert.equal(await ledger.hold(holdId(), direction, 1n, FAR, TEN), 'over-limit')
      await shows(ledger, direction === 'in' ? { holdsIn: 10n } : { holdsOut: 10n })
    }),

    ledgerCase(`counts what is committed against its limit (${direction})`, async (ledger) => {
      await ledger.commit(await held(ledger, direction, 9n, TEN))
      assert.equal(await ledger.hold(holdId(), direction, 2n, FAR, TEN), 'over-limit')
      await held(ledger, direction, 1n, TEN)
    }),

    ledgerCase(`has room again after a release (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 10n, TEN)
      assert.equal(await ledger.hold(holdId(), direction, 1n, FAR, TEN), 'over-limit')
      await ledger.release(id)
      await held(ledger, direction, 10n, TEN)
    }),

    ledgerCase(`makes no room by holds of the other direction (${direction})`, async (ledger) => {
      await held(ledger, direction === 'in' ? 'out' : 'in', 5n, TEN)
      assert.equal(await ledger.hold(holdId(), direction, 11n, FAR, TEN), 'over-limit')
      await held(ledger, direction, 10n, TEN)
    }),

    ledgerCase(`has room by commits of the other direction (${direction})`, async (ledger) => {
      await ledger.commit(await held(ledger, direction === 'in' ? 'out' : 'in', 5n))
      assert.equal(await ledger.hold(holdId(), direction, 16n, FAR, TEN), 'over-limit')
      await held(ledger, direction, 15n, TEN)
    }),

    ledgerCase(`remembers nothing of a hold over the limit (${direction})`, async (ledger) => {
      const id = holdId()
      assert.equal(await ledger.hold(id, direction, 11n, FAR, TEN), 'over-limit')
      await ledger.release(id)
      await shows(ledger, {})
      assert.equal(await ledger.hold(id, direction, 10n, FAR, TEN), 'held')
      await shows(ledger, direction === 'in' ? { holdsIn: 10n } : { holdsOut: 10n })
    }),

    ledgerCase(`goes by the limits of each call (${direction})`, async (ledger) => {
      await held(ledger, direction, 100n)
      assert.equal(await ledger.hold(holdId(), direction, 1n, FAR, TEN), 'over-limit')
      await held(ledger, direction, 1n, { maximum: 101n, minimum: -101n })
    }),

    ledgerCase(`gives the last unit to one of many (${direction})`, async (ledger) => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async () => await ledger.hold(holdId(), direction, 1n, FAR, TEN))
      )
      assert.equal(answers.filter((answer) => answer === 'held').length, 10)
      await shows(ledger, direction === 'in' ? { holdsIn: 10n } : { holdsOut: 10n })
    }),

    ledgerCase(`books one commit of many (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 7n)
      await Promise.all([ledger.commit(id), ledger.commit(id), ledger.release(id), ledger.commit(id)])
      await shows(ledger, { committed: signed(direction, 7n) })
    }),

    ledgerCase(`releases once (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 7n)
      await held(ledger, direction, 5n)
      await ledger.release(id)
      await ledger.release(id)
      await shows(ledger, direction === 'in' ? { holdsIn: 5n } : { holdsOut: 5n })
    }),

    ledgerCase(`holds once for an id (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 7n)
      assert.equal(await ledger.hold(id, direction, 7n, FAR, TEN), 'held')
      await shows(ledger, direction === 'in' ? { holdsIn: 7n } : { holdsOut: 7n })
      await ledger.commit(id)
      assert.equal(await ledger.hold(id, direction, 7n, FAR, TEN), 'held')
      await shows(ledger, { committed: signed(direction, 7n) })
    }),

    ledgerCase(`books a commit that comes after a release, once (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 7n)
      await held(ledger, direction, 5n)
      await ledger.release(id)
      await ledger.commit(id)
      await ledger.commit(id)
      await ledger.release(id)
      await shows(ledger, {
        committed: signed(direction, 7n),
        ...(direction === 'in' ? { holdsIn: 5n } : { holdsOut: 5n })
      })
    }),

    ledgerCase(`commits beyond a limit that was lowered meanwhile (${direction})`, async (ledger) => {
      const id = await held(ledger, direction, 50n)
      assert.equal(await ledger.hold(holdId(), direction, 1n, FAR, TEN), 'over-limit')
      await ledger.commit(id)
      await shows(ledger, { committed: signed(direction, 50n) })
    }),

    // a peer chooses the expiry of a prepare, and a timestamp of ILP may be one of the year 0
    ledgerCase(`takes holds that expired before 1970 (${direction})`, async (ledger) => {
      for (const expiresAt of EARLY) {
        const id = await held(ledger, direction, 7n, NO_LIMITS, expiresAt)
        await ledger.release(await held(ledger, direction, 5n, NO_LIMITS, expiresAt))
        await shows(ledger, direction === 'in' ? { holdsIn: 7n } : { holdsOut: 7n })
        await ledger.commit(id)
        await shows(ledger, { committed: signed(direction, 7n) })
        await ledger.confirm([id])
        await ledger.move(`back ${expiresAt}`, signed(direction, -7n), 'adjust')
      }
    }),

    ledgerCase(`is exact beyond 2^53 and 2^64 (${direction})`, async (ledger) => {
      const limit = 2n ** 64n + 1n
      const limits = { maximum: limit, minimum: -limit }
      const id = await held(ledger, direction, 2n ** 64n - 1n, limits)
      assert.equal(await ledger.hold(holdId(), direction, 3n, FAR, limits), 'over-limit')
      const second = await held(ledger, direction, 2n, limits)
      assert.equal(await ledger.hold(holdId(), direction, 1n, FAR, limits), 'over-limit')
      await ledger.commit(id)
      await ledger.commit(second)
      await shows(ledger, { committed: signed(direction, limit) })
      await ledger.commit(await held(ledger, direction, 1n))
      await shows(ledger, { committed: signed(direction, limit + 1n) })
    })
  ]),

  ledgerCase('ignores a release of an unknown hold', async (ledger) => {
    await ledger.release(holdId())
    await shows(ledger, {})
  }),

  ledgerCase('fails to commit an unknown hold', async (ledger) => {
    await assert.rejects(async () => {
      await ledger.commit(holdId())
    }, Error)
    await shows(ledger, {})
  }),

  ledgerCase('keeps 10,000 holds apart', async (ledger) => {
    const ids = await Promise.all(
      Array.from({ length: 10_000 }, async (_, index) =>
        held(ledger, index % 2 === 0 ? 'in' : 'out', BigInt(index + 1))
      )
    )
    await shows(ledger, { holdsIn: 25_000_000n, holdsOut: 25_005_000n })
    await Promise.all(ids.map(async (id, index) => await (index % 4 < 2 ? ledger.commit(id) : ledger.release(id))))
    // of each four numbers from 1, the first comes in, the second goes out, two are released
    await shows(ledger, { committed: -2_500n })
  }),

  ledgerCase('takes effect in the order of the calls', async (ledger) => {
    const id = holdId()
    const answers = await Promise.all([
      ledger.hold(id, 'in', 10n, FAR, TEN),
      ledger.hold(holdId(), 'in', 1n, FAR, TEN),
      ledger.release(id),
      ledger.hold(holdId(), 'in', 1n, FAR, TEN)
    ])
    assert.deepEqual([answers[0], answers[1], answers[3]], ['held', 'over-limit', 'held'])
    await shows(ledger, { holdsIn: 1n })
  }),

  ledgerCase('moves money past any limit', async (ledger) => {
    await ledger.move('first', 2n ** 80n, 'money-out')
    await ledger.move('second', -(2n ** 70n), 'money-in')
    await ledger.move('third', -1n, 'adjust')
    await shows(ledger, { committed: 2n ** 80n - 2n ** 70n - 1n })
    assert.equal(await ledger.hold(holdId(), 'in', 1n, FAR, TEN), 'over-limit')
  }),

  ledgerCase('moves once for an id, whatever the kind', async (ledger) => {
    for (const kind of ['money-in', 'money-out', 'adjust'] as const) {
      await ledger.move(kind, 10n, kind)
      await ledger.move(kind, 10n, kind)
    }
    await ledger.resolve('money-out', 'sent')
    await ledger.move('money-out', 10n, 'money-out')
    await shows(ledger, { committed: 30n })
  }),

  ledgerCase('takes back money that was not sent, once', async (ledger) => {
    await ledger.move('payment', 10n, 'money-out')
    await ledger.resolve('payment', 'not-sent')
    await ledger.resolve('payment', 'not-sent')
    await ledger.move('payment', 10n, 'money-out')
    await shows(ledger, {})
  }),

  ledgerCase('keeps money that was sent', async (ledger) => {
    await ledger.move('payment', 10n, 'money-out')
    await ledger.resolve('payment', 'sent')
    await ledger.resolve('payment', 'not-sent')
    await ledger.suspend('payment')
    await shows(ledger, { committed: 10n })
  }),

  ledgerCase('shows money that is suspended until it is resolved', async (ledger) => {
    await ledger.move('first', 10n, 'money-out')
    await ledger.move('second', 5n, 'money-out')
    await ledger.move('third', 1n, 'money-out')
    await ledger.suspend('first')
    await ledger.suspend('second')
    await ledger.suspend('second')
    await shows(ledger, {
      committed: 16n,
      suspended: [
        { id: 'first', amount: 10n },
        { id: 'second', amount: 5n }
      ]
    })
    await ledger.resolve('first', 'not-sent')
    await shows(ledger, { committed: 6n, suspended: [{ id: 'second', amount: 5n }] })
    await ledger.resolve('second', 'sent')
    await shows(ledger, { committed: 6n })
  }),

  ledgerCase('suspends and resolves nothing but money out that is open', async (ledger) => {
    await ledger.move('in', -3n, 'money-in')
    await ledger.move('by hand', 1n, 'adjust')
    for (const id of ['in', 'by hand', 'unknown']) {
      await ledger.suspend(id)
      await ledger.resolve(id, 'not-sent')
    }
    await shows(ledger, { committed: -2n })
  }),

  ledgerCase('settles what is due, by the committed balance', async (ledger) => {
    await ledger.commit(await held(ledger, 'out', 20n))
    await held(ledger, 'out', 100n)
    await held(ledger, 'in', 100n)
    assert.equal(await ledger.settle('payment', TERMS), 30n)
    await shows(ledger, { committed: 10n, holdsIn: 100n, holdsOut: 100n })
    await ledger.resolve('payment', 'sent')
    assert.equal(await ledger.settle('next', TERMS), 0n)
    await shows(ledger, { committed: 10n, holdsIn: 100n, holdsOut: 100n })
  }),

  ledgerCase('settles nothing at the threshold, or when too little is due', async (ledger) => {
    assert.equal(await ledger.settle('at the threshold', TERMS), 0n)
    await ledger.move('by hand', -1n, 'adjust')
    assert.equal(await ledger.settle('too little', { ...TERMS, smallest: 12n }), 0n)
    assert.equal(await ledger.settle('above', { threshold: 10n, target: -5n, smallest: 1n }), 0n)
    await shows(ledger, { committed: -1n })
    assert.equal(await ledger.settle('just enough', { ...TERMS, smallest: 11n }), 11n)
    await shows(ledger, { committed: 10n })
  }),

  ledgerCase('settles amounts beyond 2^64', async (ledger) => {
    await ledger.move('by hand', -(2n ** 80n) - 1n, 'adjust')
    assert.equal(
      await ledger.settle('payment', { threshold: 0n, target: 2n ** 70n, smallest: 2n ** 79n }),
      2n ** 80n + 2n ** 70n + 1n
    )
    await shows(ledger, { committed: 2n ** 70n })
  }),

  ledgerCase('settles once of many at a time', async (ledger) => {
    await ledger.move('by hand', -7n, 'adjust')
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await ledger.settle(`${index}`, TERMS))
    )
    assert.deepEqual(
      answers.filter((answer) => answer !== 'sending'),
      [17n]
    )
    await shows(ledger, { committed: 10n })
  }),

  ledgerCase('settles once for an id', async (ledger) => {
    await ledger.move('by hand', -7n, 'adjust')
    assert.equal(await ledger.settle('payment', TERMS), 17n)
    assert.equal(await ledger.settle('payment', TERMS), 17n)
    await ledger.move('payment', 17n, 'money-out')
    await shows(ledger, { committed: 10n })
    await ledger.resolve('payment', 'not-sent')
    assert.equal(await ledger.settle('payment', TERMS), 0n)
    await shows(ledger, { committed: -7n })
  }),

  ledgerCase('settles nothing while money is on its way or suspended', async (ledger) => {
    await ledger.move('by hand', -7n, 'adjust')
    await ledger.move('from the host', 1n, 'money-out')
    assert.equal(await ledger.settle('first', TERMS), 'sending')
    await ledger.move('from the host, too', 1n, 'money-out')
    await ledger.suspend('from the host')
    assert.equal(await ledger.settle('second', TERMS), 'suspended')
    await ledger.resolve('from the host, too', 'sent')
    assert.equal(await ledger.settle('third', TERMS), 'suspended')
    await ledger.resolve('from the host', 'not-sent')
    assert.equal(await ledger.settle('fourth', TERMS), 16n)
    await ledger.suspend('fourth')
    await shows(ledger, { committed: 10n, suspended: [{ id: 'fourth', amount: 16n }] })
    await ledger.resolve('fourth', 'not-sent')
    await shows(ledger, { committed: -6n })
  }),

  ledgerCase('confirms commits, and nothing else', async (ledger) => {
    const committed = await held(ledger, 'in', 7n)
    const open = await held(ledger, 'in', 5n)
    const released = await held(ledger, 'in', 3n)
    await ledger.commit(committed)
    await ledger.release(released)
    await ledger.confirm([])
    await ledger.confirm([committed, open, released, holdId()])
    await ledger.confirm([committed])
    await shows(ledger, { committed: 7n, holdsIn: 5n })
    await ledger.commit(committed)
    await ledger.release(committed)
    await ledger.commit(released)
    await ledger.release(open)
    await shows(ledger, { committed: 10n })
  }),

  ledgerCase('lists nothing of what its process has settled', async (ledger) => {
    const confirmed = await held(ledger, 'in', 1n)
    await ledger.commit(confirmed)
    await ledger.confirm([confirmed])
    await ledger.commit(await held(ledger, 'out', 1n))
    await ledger.release(await held(ledger, 'out', 1n))
    await lists(ledger, {})
  }),

  ledgerCase('resolves no commit of a live process', async (ledger) => {
    const id = await held(ledger, 'in', 7n)
    await ledger.commit(id)
    await ledger.resolve(String(id), 'not-sent')
    await shows(ledger, { committed: 7n })
  }),

  ledgerCase('names the accounts that have books', async (ledger, store) => {
    await ledger.move('by hand', 1n, 'adjust')
    await (await store.open('bob "{}"')).move('by hand', 1n, 'adjust')
    const names: string[] = []
    for await (const name of store.accounts()) names.push(name)
    assert.deepEqual(names.sort(), ['alice', 'bob "{}"'])
  }),

  ledgerCase('can be closed twice', async (ledger, store) => {
    await ledger.move('by hand', 1n, 'adjust')
    await store.close()
  }),

  ledgerCase('keeps accounts apart, whatever their names', async (_ledger, store) => {
    const names = ['bob', 'a', 'ab', 'a:b', 'a/b', 'a.b', 'a b', '{a}', 'ä', 'A', 'b:a', '__proto__', 'a\u0000b', '']
    for (const [index, name] of names.entries()) {
      const ledger = await store.open(name)
      await ledger.move('the same id', BigInt(index + 1), 'adjust')
      await held(ledger, 'in', BigInt(index + 100))
    }
    for (const [index, name] of names.entries()) {
      await shows(await store.open(name), { committed: BigInt(index + 1), holdsIn: BigInt(index + 100) })
    }
  }),

  ledgerCase('gives the same books to whoever opens the same account', async (ledger, store) => {
    const other = await store.open('alice')
    const id = await held(ledger, 'in', 10n, TEN)
    assert.equal(await other.hold(holdId(), 'in', 1n, FAR, TEN), 'over-limit')
    await ledger.commit(id)
    await other.move('payment', -4n, 'money-in')
    await shows(ledger, { committed: 6n })
    await shows(other, { committed: 6n })
  }),

  ...[1, 2, 3, 4].map((seed) =>
    ledgerCase(`agrees with plain sums over a random course (${seed})`, async (ledger) => {
      await randomCourse(ledger, seed)
    })
  )
]

/** What is asked only of ledgers that outlast their process: they need the option `reopen`. */
export const durableCases: readonly LedgerCase[] = [
  durableCase('keeps the balance over a crash', async (before, crash) => {
    await before.commit(await held(before, 'in', 10n))
    await before.move('payment', -3n, 'money-in')
    await before.move('by hand', 2n ** 70n, 'adjust')
    const ledger = await crash()
    await shows(ledger, { committed: 2n ** 70n + 7n })
  }),

  durableCase('knows over a crash what it has booked', async (before, crash) => {
    const committed = await held(before, 'in', 10n)
    const released = await held(before, 'out', 5n)
    await before.commit(committed)
    await before.release(released)
    await before.move('payment', -3n, 'money-in')
    const ledger = await crash()
    await ledger.commit(committed)
    await ledger.release(committed)
    await ledger.release(released)
    await ledger.move('payment', -3n, 'money-in')
    await shows(ledger, { committed: 7n })
  }),

  durableCase('takes money that was open at a crash for suspended', async (before, crash) => {
    for (const id of ['open', 'suspended', 'sent', 'not sent']) await before.move(id, 10n, 'money-out')
    await before.suspend('suspended')
    await before.resolve('sent', 'sent')
    await before.resolve('not sent', 'not-sent')
    const ledger = await crash()
    await shows(ledger, {
      committed: 30n,
      suspended: [
        { id: 'open', amount: 10n },
        { id: 'suspended', amount: 10n }
      ]
    })
    await ledger.resolve('open', 'not-sent')
    await ledger.resolve('suspended', 'sent')
    await ledger.resolve('sent', 'not-sent')
    await shows(ledger, { committed: 20n })
  }),

  durableCase('lets go of incoming holds whose process is gone, at once', async (before, crash) => {
    await held(before, 'in', 10n, TEN)
    const observer = new Observer()
    const ledger = await crash(observer)
    await shows(ledger, {})
    await lists(ledger, {})
    await held(ledger, 'in', 10n, TEN)
    assert.deepEqual(observer.told, [])
  }),

  durableCase('keeps outgoing holds whose process is gone', async (before, crash) => {
    const id = await held(before, 'out', 7n, TEN)
    const observer = new Observer()
    const ledger = await crash(observer)
    await shows(ledger, { holdsOut: 7n })
    await lists(ledger, { holds: [{ id: String(id), direction: 'out', amount: 7n, expiresAt: FAR, lost: true }] })
    assert.equal(await ledger.hold(holdId(), 'out', 4n, FAR, TEN), 'over-limit')
    assert.deepEqual(observer.told, [])
  }),

  durableCase(
    'lets go of outgoing holds whose process is gone when they expire, and names them',
    async (before, crash) => {
      const longAgo = systemClock.now() - 61_000
      const soon = systemClock.now() + 1_000
      const ids = [await held(before, 'out', 7n, TEN, longAgo), await held(before, 'out', 3n, TEN, soon)]
      const observer = new Observer()
      const ledger = await crash(observer)
      assert((await ledger.snapshot()).holdsOut >= 3n, 'Expected a hold to stay until its expiry')
      await eventually(() => observer.told.length === 2)
      assert.deepEqual(observer.told, [
        { expired: { id: String(ids[0]), direction: 'out', amount: 7n, expiresAt: longAgo } },
        { expired: { id: String(ids[1]), direction: 'out', amount: 3n, expiresAt: soon } }
      ])
      await shows(ledger, {})
      await lists(ledger, {})
      await held(ledger, 'out', 10n, TEN)
    }
  ),

  durableCase('lets go of holds that expired before 1970, and lists their commits', async (before, crash) => {
    for (const expiresAt of EARLY) {
      for (const direction of DIRECTIONS) await held(before, direction, 7n, NO_LIMITS, expiresAt)
      await before.commit(await held(before, 'in', 3n, NO_LIMITS, expiresAt))
    }
    const observer = new Observer()
    const ledger = await crash(observer)
    await eventually(() => observer.told.length === 2)
    await shows(ledger, { committed: 6n })
    const { holds, unconfirmed } = await ledger.outstanding()
    assert.deepEqual([holds.length, unconfirmed.length], [0, 2])
    for (const { id } of unconfirmed) await ledger.resolve(id, 'sent')
    await lists(ledger, {})
  }),

  durableCase('lists commits that nobody confirmed, until they are resolved', async (before, crash) => {
    const ids: HoldId[] = []
    for (const [index, direction] of (['in', 'in', 'out', 'out', 'in'] as const).entries()) {
      const id = await held(before, direction, BigInt(index + 1))
      await before.commit(id)
      ids.push(id)
    }
    await before.confirm([ids[4] as HoldId])
    const entry = (index: number): PacketEntry => ({
      id: String(ids[index]),
      direction: index < 2 ? 'in' : 'out',
      amount: BigInt(index + 1),
      expiresAt: FAR
    })
    const ledger = await crash()
    const unconfirmed = [entry(0), entry(1), entry(2), entry(3)].sort(byId)
    await lists(ledger, { unconfirmed })
    await shows(ledger, { committed: 1n })
    await ledger.resolve(entry(0).id, 'sent')
    await shows(ledger, { committed: 1n })
    for (const index of [1, 2]) await ledger.resolve(entry(index).id, 'not-sent')
    // the fulfill of an incoming packet never reached the peer; the peer's own, of an outgoing one, has reached us
    await shows(ledger, { committed: -1n })
    for (const index of [0, 1, 4]) await ledger.resolve(entry(index).id, 'not-sent')
    await shows(ledger, { committed: -1n })
    await lists(await crash(), { unconfirmed: [entry(3)] })
  }),

  durableCase('tells of suspended money at each start', async (before, crash) => {
    await before.move('by hand', -7n, 'adjust')
    assert.equal(await before.settle('settlement', TERMS), 17n)
    await before.move('from the host', 5n, 'money-out')
    await before.move('sent', 5n, 'money-out')
    await before.resolve('sent', 'sent')
    const expected = [
      { suspended: { id: 'from the host', amount: 5n } },
      { suspended: { id: 'settlement', amount: 17n } }
    ]
    for (let start = 0; start < 2; start++) {
      const observer = new Observer()
      const ledger = await crash(observer)
      assert.equal(observer.told.length, 2)
      for (const told of expected) assert(observer.told.some((found) => isDeepStrictEqual(found, told)))
      assert.equal(await ledger.settle('next', TERMS), 'suspended')
      await shows(ledger, {
        committed: 20n,
        suspended: [
          { id: 'settlement', amount: 17n },
          { id: 'from the host', amount: 5n }
        ]
      })
    }
    const ledger = await crash()
    await ledger.resolve('settlement', 'not-sent')
    await ledger.resolve('from the host', 'sent')
    await shows(ledger, { committed: 3n })
    await ledger.move('settlement', 17n, 'money-out')
    await shows(ledger, { committed: 3n })
  }),

  durableCase('changes nothing for who only looks', async (before, crash) => {
    const incoming = await held(before, 'in', 10n)
    const outgoing = await held(before, 'out', 5n, NO_LIMITS, 1)
    await before.move('payment', 3n, 'money-out')
    for (let look = 0; look < 2; look++) {
      const ledger = await crash(null)
      await lists(ledger, {
        holds: [
          { id: String(incoming), direction: 'in', amount: 10n, expiresAt: FAR, lost: true },
          { id: String(outgoing), direction: 'out', amount: 5n, expiresAt: 1, lost: true }
        ].sort(byId)
      })
      await shows(ledger, { committed: 3n, holdsIn: 10n, holdsOut: 5n, suspended: [{ id: 'payment', amount: 3n }] })
    }
    const observer = new Observer()
    const ledger = await crash(observer)
    await eventually(() => observer.told.length === 2)
    await shows(ledger, { committed: 3n, suspended: [{ id: 'payment', amount: 3n }] })
  })
]

interface Plan {
  readonly id: HoldId
  readonly direction: HoldDirection
  readonly amount: bigint
  state: 'held' | 'released' | 'committed'
}

/** A thousand calls against sums that are too simple to be wrong. */
async function randomCourse(ledger: BalanceLedger, seed: number): Promise<void> {
  const random = generator(seed)
  const limits = { maximum: 500n, minimum: -500n }
  const plans: Plan[] = []
  const money: { id: string; delta: bigint; open: boolean; suspended: boolean }[] = []
  let committed = 0n

  const sum = (direction: HoldDirection): bigint =>
    plans.reduce(
      (total, plan) => (plan.direction === direction && plan.state === 'held' ? total + plan.amount : total),
      0n
    )

  for (let step = 0; step < 1_000; step++) {
    const dice = random(10)
    const plan = plans[random(plans.length)]
    const payment = money[random(money.length)]
    if (dice < 4) {
      const direction = dice % 2 === 0 ? 'in' : 'out'
      const amount = BigInt(random(120) + 1)
      const id = holdId()
      const fits =
        direction === 'in'
          ? committed + sum('in') + amount <= limits.maximum
          : committed - sum('out') - amount >= limits.minimum
      assert.equal(await ledger.hold(id, direction, amount, FAR, limits), fits ? 'held' : 'over-limit')
      if (fits) plans.push({ id, direction, amount, state: 'held' })
    } else if (dice < 6 && plan !== undefined) {
      await ledger.commit(plan.id)
      if (plan.state !== 'committed') committed += signed(plan.direction, plan.amount)
      plan.state = 'committed'
    } else if (dice < 8 && plan !== undefined) {
      await ledger.release(plan.id)
      if (plan.state === 'held') plan.state = 'released'
    } else if (dice === 8) {
      const id = `move ${step}`
      const out = random(2) === 0
      const delta = out ? BigInt(random(90) + 1) : -BigInt(random(90) + 1)
      await ledger.move(id, delta, out ? 'money-out' : 'money-in')
      money.push({ id, delta, open: out, suspended: false })
      committed += delta
    } else if (payment === undefined || random(4) === 0) {
      for (const each of random(2) === 0 ? money.filter(({ open }) => open) : []) {
        await ledger.resolve(each.id, 'sent')
        each.open = false
        each.suspended = false
      }
      const id = `settlement ${step}`
      const terms = { threshold: BigInt(random(40) - 20), target: BigInt(random(40)), smallest: BigInt(random(30) + 1) }
      const due = terms.target - committed
      const settled = await ledger.settle(id, terms)
      if (money.some(({ suspended }) => suspended)) assert.equal(settled, 'suspended')
      else if (money.some(({ open }) => open)) assert.equal(settled, 'sending')
      else if (committed >= terms.threshold || due < terms.smallest) assert.equal(settled, 0n)
      else {
        assert.equal(settled, due)
        money.push({ id, delta: due, open: true, suspended: false })
        committed += due
      }
    } else {
      if (random(2) === 0) {
        await ledger.suspend(payment.id)
        payment.suspended = payment.open
      } else {
        const outcome = random(2) === 0 ? 'sent' : 'not-sent'
        await ledger.resolve(payment.id, outcome)
        if (payment.open && outcome === 'not-sent') committed -= payment.delta
        payment.open = false
        payment.suspended = false
      }
    }
    if (step % 10 !== 0) continue
    await shows(ledger, {
      committed,
      holdsIn: sum('in'),
      holdsOut: sum('out'),
      suspended: money.filter(({ suspended }) => suspended).map(({ id, delta }) => ({ id, amount: delta }))
    })
  }
}

/** Whole numbers below a bound, the same each time for a seed (a linear congruential generator). */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
