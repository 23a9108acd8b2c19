import { InvalidFieldsError, MoneyNotSentError, PluginError, TimeoutError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * Thrown when a plugin is wrapped: `balance` was given a `settleThreshold` over a plugin whose transfers settle by
     * themselves, so each debt would be paid twice. Leave the threshold out, or have `compat({ transfers: 'iou' })` if
     * the transfers of the v1 plugin move no money.
     */
    ILP_WRAP_SETTLES_TWICE: InvalidFieldsError
    /** Of `balanceOf(plugin)`: there is no `balance` in the stack. */
    ILP_WRAP_NO_BALANCE: InvalidFieldsError
    /**
     * Of `sendMoney`: the ledger could not book the money, so it was not sent. `cause` has the ledger's error.
     */
    ILP_WRAP_LEDGER_FAILED: MoneyNotSentError
    /** In the event `ledger-failed` and in the cause of others: the ledger took too long. */
    ILP_WRAP_LEDGER_TIMEOUT: TimeoutError
    /**
     * Of `settle()`: an earlier payment failed in a way that does not tell whether the money arrived, so nothing more is
     * paid. Find out, and say it with `resolve('sent')` or `resolve('not-sent')`.
     */
    ILP_WRAP_SETTLEMENT_SUSPENDED: PluginError
    /**
     * Of `settle()`: other money of the account is on its way, from this process or another that shares its books.
     * Nothing was paid; the threshold looks again by itself, a call by hand may be made again.
     */
    ILP_WRAP_SETTLEMENT_BUSY: PluginError
  }
}

export function settlesTwice(): InvalidFieldsError {
  return new InvalidFieldsError('`settleThreshold` over a plugin whose transfers settle would settle twice', {
    code: 'ILP_WRAP_SETTLES_TWICE'
  })
}

export function noBalance(): InvalidFieldsError {
  return new InvalidFieldsError('Expected a plugin that was wrapped with balance()', { code: 'ILP_WRAP_NO_BALANCE' })
}

export function ledgerFailed(cause: unknown): MoneyNotSentError {
  return new MoneyNotSentError('The ledger did not book the money, it was not sent', {
    code: 'ILP_WRAP_LEDGER_FAILED',
    cause
  })
}

export function ledgerTimeout(): TimeoutError {
  return new TimeoutError('The ledger took too long', { ilpErrorCode: 'T00', code: 'ILP_WRAP_LEDGER_TIMEOUT' })
}

export function settlementBusy(): PluginError {
  return new PluginError('Nothing is settled while other money is on its way', { code: 'ILP_WRAP_SETTLEMENT_BUSY' })
}

export function settlementSuspended(): PluginError {
  return new PluginError('Settlement is suspended: it is unknown whether an earlier payment arrived', {
    code: 'ILP_WRAP_SETTLEMENT_SUSPENDED'
  })
}
