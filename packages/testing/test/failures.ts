import type { ConformanceCase } from '../src/index.js'

/** The cases that fail. Those of the clauses that are to fail, which may hang, get little time; the others plenty. */
export async function failures(
  clauses: readonly string[],
  casesFor: (timeoutMs: number) => ConformanceCase[]
): Promise<ConformanceCase[]> {
  const brief = casesFor(200)
  const failed: ConformanceCase[] = []
  for (const [index, patient] of casesFor(10_000).entries()) {
    if (patient.skip !== undefined) continue
    const each = clauses.includes(patient.clause) ? (brief[index] as ConformanceCase) : patient
    try {
      await each.run()
    } catch {
      failed.push(each)
    }
  }
  return failed
}
