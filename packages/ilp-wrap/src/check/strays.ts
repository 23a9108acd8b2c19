/**
 * Errors that nobody catches, while no case of the suite runs, which has an eye on its own. They end no process, and
 * are not forgotten.
 */
export class Strays {
  readonly seen: unknown[] = []
  #idle = true
  readonly #note = (error: unknown): void => {
    if (this.#idle) this.seen.push(error)
  }

  constructor() {
    process.on('unhandledRejection', this.#note)
    process.on('uncaughtException', this.#note)
  }

  /** Leaves errors to what is done meanwhile. */
  async aside<T>(run: () => Promise<T>): Promise<T> {
    this.#idle = false
    try {
      return await run()
    } finally {
      this.#idle = true
    }
  }

  end(): void {
    process.off('unhandledRejection', this.#note)
    process.off('uncaughtException', this.#note)
  }
}
