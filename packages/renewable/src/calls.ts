/**
 * The calls that one instance has not answered yet. They can be given up: each is rejected then, and what the instance
 * still comes up with goes nowhere.
 */
export class Calls {
  readonly #open = new Set<Call>()

  /** Settles as `answer` does, unless it is given up before: then it is rejected with what `why` makes. */
  track<T>(answer: Promise<T>, why: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call: Call = { reject, why }
      this.#open.add(call)
      answer.then(
        (value) => {
          if (this.#open.delete(call)) resolve(value)
        },
        (error: unknown) => {
          if (this.#open.delete(call)) reject(error)
        }
      )
    })
  }

  abandon(): void {
    const open = [...this.#open]
    this.#open.clear()
    for (const { reject, why } of open) reject(why())
  }
}

interface Call {
  readonly reject: (error: unknown) => void
  readonly why: () => Error
}

/** What `call` returns or throws, as a promise. */
export function promised<T>(call: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(call())
  } catch (error) {
    return Promise.reject(error)
  }
}
