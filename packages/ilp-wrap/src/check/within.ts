import { systemClock } from '@ilp-wrap/core'

export type Result<T> = { readonly value: T } | { readonly error: unknown } | { readonly late: true }

/** How a call ends, or that it has not ended after `ms`; what becomes of it later is nobody's matter. */
export async function resultWithin<T>(ms: number, call: () => T | Promise<T>): Promise<Result<T>> {
  let ring!: (result: Result<T>) => void
  const late = new Promise<Result<T>>((resolve) => {
    ring = resolve
  })
  const timer = systemClock.setTimeout(() => ring({ late: true }), ms)
  try {
    return await Promise.race([resultOf(call), late])
  } finally {
    systemClock.clearTimeout(timer)
  }
}

async function resultOf<T>(call: () => T | Promise<T>): Promise<Result<T>> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error }
  }
}
