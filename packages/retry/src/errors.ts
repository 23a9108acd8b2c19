import { UnreachableError } from '@ilp-wrap/core'

/** What the host gets for a request, no prepare, that was never handed to the plugin: nothing moved. */
export class NotSentError extends UnreachableError {
  /** How `errorOutcome` of core, and with it books further up, know that it is safe to forget the request. */
  readonly notSent = true
}

/** How an error is named in logs and events: its message may hold secrets. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
