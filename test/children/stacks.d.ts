import type { Middleware } from '@ilp-wrap/core'
export declare const stacks: Record<string, () => Middleware[]>
