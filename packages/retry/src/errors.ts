import { UnreachableError } from '@ilp-wrap/core'

/**
 * What the host gets for a request, no prepare, that was never handed to the plugin. By `notSent`, `errorOutcome` of core,
 * and with it books further up, know that nothing moved.
 */
export function notSent(message: string): UnreachableError {
  return Object.assign(new UnreachableError(message, { code: 'ILP_WRAP_NOT_SENT' }), { notSent: true })
}

/** How an error is named in logs and events: its message may hold secrets. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
