import { ledgerConformance } from '@ilp-wrap/balance/conformance'
import type { LedgerStore } from '@ilp-wrap/balance'
import { describe, it } from 'vitest'
import { levelStore } from '../src/index.js'
import { directory } from './setup.js'

const locations = new WeakMap<LedgerStore, string>()

function open(location: string): LedgerStore {
  const store = levelStore({ location })
  locations.set(store, location)
  return store
}

ledgerConformance({ describe, it }, async () => open(await directory()), {
  reopen: async (store) => {
    await store.close()
    return open(locations.get(store)!)
  }
})
