import type { Clock, Deadlines, Log, PluginEventInput, PluginV1 } from '@ilp-wrap/core'
import type { Ledger } from './ledger.js'

/** What the parts of one wrapped v1 plugin share. */
export interface Parts {
  readonly plugin: PluginV1
  readonly ledger: Ledger
  readonly clock: Clock
  /** Of what somebody waits for: they keep the process alive. */
  readonly deadlines: Deadlines
  /** Of what nobody in this process waits for. */
  readonly background: Deadlines
  readonly log: Log
  readonly emit: (event: PluginEventInput) => void
  /** Something that was open is so no longer. */
  readonly closed: () => void
}
