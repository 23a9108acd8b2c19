import { boolean, choice, integer, known, milliseconds, string } from '@ilp-wrap/core/options'

export interface CompatOptions {
  /**
   * What a fulfilled transfer is. `'settle'`: it has moved money, as on a real ledger; nothing is left to be settled, and
   * `balance` with a `settleThreshold` is refused. `'iou'`: the plugin's transfers are promises, `sendMoney` settles.
   * Default: `'settle'`.
   */
  transfers?: 'settle' | 'iou'
  /**
   * The account on the ledger that packets for elsewhere, requests and money go to. Default: the first of the plugin's
   * `getInfo().connectors`.
   */
  connector?: string
  /**
   * How prepares of amount 0 travel: as transfers, as requests, or as transfers until the plugin refuses one. RFC 0004
   * demands transfers of 0, most plugins refuse them. Default: `'auto'`.
   */
  zeroAmount?: 'auto' | 'transfer' | 'request'
  /** The reject code for a plugin's NotAcceptedError, which may be final or not. Default: `'F00'`. */
  notAccepted?: 'F00' | 'T00'
  /**
   * How long after its expiry a transfer's outcome is awaited, in milliseconds, where the ledger's clock is behind ours.
   * Default: 0.
   */
  graceMs?: number
  /** How long data that is no prepare may take, in milliseconds. v1 plugins give up after 2 to 5 s. Default: 30 000. */
  requestTimeoutMs?: number
  /**
   * How long `sendMoney` waits for `outgoing_transfer`, in milliseconds, with a plugin that has been seen to emit it.
   * Default: 30 000.
   */
  moneyTimeoutMs?: number
  /** Whether a message without a packet counts as the JSON of its `custom` field. Default: false. */
  customData?: boolean
  /**
   * How many transfers are remembered once they have an outcome, so that doubles are known; as many payments, and as many
   * transfers that have expired while the ledger said nothing. Default: 10 000.
   */
  remember?: number
  /**
   * Whether what is outstanding is kept in the store, if the context has one, and asked for after a restart. Default:
   * true.
   */
  recovery?: boolean
}

/** Options with all defaults filled in. */
export type Settings = Readonly<Required<Omit<CompatOptions, 'connector'>>> & { readonly connector: string | undefined }

const NAMES = [
  'transfers',
  'connector',
  'zeroAmount',
  'notAccepted',
  'graceMs',
  'requestTimeoutMs',
  'moneyTimeoutMs',
  'customData',
  'remember',
  'recovery'
] as const satisfies readonly (keyof CompatOptions)[]

export function settingsOf(options: CompatOptions | undefined): Settings {
  const {
    transfers = 'settle',
    connector,
    zeroAmount = 'auto',
    notAccepted = 'F00',
    graceMs = 0,
    requestTimeoutMs = 30_000,
    moneyTimeoutMs = 30_000,
    customData = false,
    remember = 10_000,
    recovery = true
  } = known(options, NAMES)
  return {
    transfers: choice('transfers', transfers, ['settle', 'iou']),
    connector: connector === undefined ? undefined : string('connector', connector),
    zeroAmount: choice('zeroAmount', zeroAmount, ['auto', 'transfer', 'request']),
    notAccepted: choice('notAccepted', notAccepted, ['F00', 'T00']),
    graceMs: milliseconds('graceMs', graceMs),
    requestTimeoutMs: milliseconds('requestTimeoutMs', requestTimeoutMs),
    moneyTimeoutMs: milliseconds('moneyTimeoutMs', moneyTimeoutMs),
    customData: boolean('customData', customData),
    remember: integer('remember', remember, { min: 1, max: 10_000_000 }),
    recovery: boolean('recovery', recovery)
  }
}
