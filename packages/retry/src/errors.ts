import { PluginError, UnreachableError } from '@ilp-wrap/core'

declare module '@ilp-wrap/core' {
  interface ErrorCodes {
    /**
     * Of `sendMoney` under a key: nothing has moved so far, but the store may still have the key, and a process that
     * starts before it is written again sends the money. `cause` has what failed. The outcome is unknown until then: find
     * out before it is paid again.
     */
    ILP_WRAP_MONEY_IN_DOUBT: PluginError
  }
}

/**
 * What the host gets for a request, no prepare, that was never handed to the plugin. By `notSent`, `errorOutcome` of core,
 * and with it books further up, know that nothing moved.
 */
export function notSent(message: string): UnreachableError {
  return Object.assign(new UnreachableError(message, { code: 'ILP_WRAP_NOT_SENT' }), { notSent: true })
}

export function inDoubt(cause: unknown): PluginError {
  return new PluginError('The key of a payment could not be taken out of the store: it may be sent after a restart', {
    code: 'ILP_WRAP_MONEY_IN_DOUBT',
    cause
  })
}

/** How an error is named in logs and events: its message may hold secrets. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
