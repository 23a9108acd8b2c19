/** What a renewable plugin shows of its instance of now. */
export class Members {
  readonly #hidden: ReadonlySet<PropertyKey>
  /** What the host assigned: each new instance gets it, too. */
  readonly #assigned = new Map<PropertyKey, unknown>()
  /** The methods that were handed out, by name, so that each keeps its identity. */
  readonly #methods = new Map<PropertyKey, Method>()
  #instance: object | undefined

  constructor(hidden: ReadonlySet<PropertyKey>) {
    this.#hidden = hidden
  }

  /** undefined while there has not been any. */
  get instance(): object | undefined {
    return this.#instance
  }

  moveTo(instance: object): void {
    this.#instance = instance
    for (const [key, value] of this.#assigned) Reflect.set(instance, key, value)
  }

  get(key: PropertyKey, user: unknown): unknown {
    const instance = this.#instance
    if (instance === undefined || this.#hidden.has(key)) return undefined
    const value: unknown = Reflect.get(instance, key)
    return typeof value === 'function' ? this.#method(instance, key, value, user) : value
  }

  set(key: PropertyKey, value: unknown): boolean {
    this.#assigned.set(key, value)
    return this.#instance !== undefined && Reflect.set(this.#instance, key, value)
  }

  /** After a renewal it is the same method still. */
  #method(instance: object, key: PropertyKey, original: object, user: unknown): unknown {
    const known = this.#methods.get(key)
    if (known?.original === original) return known.wrapper
    const renewed = known !== undefined && known.instance !== instance
    const wrapper = renewed ? known.wrapper : this.#translated(key, original, user)
    this.#methods.set(key, { original, instance, wrapper })
    return wrapper
  }

  /** Called as the user's, it is the method of the instance of now; a result that is the instance is the user. */
  #translated(key: PropertyKey, original: object, user: unknown): unknown {
    return new Proxy(original as (...args: unknown[]) => unknown, {
      apply: (target, self, args): unknown => {
        const instance = this.#instance
        if (self !== user || instance === undefined) return Reflect.apply(target, self, args)
        const current: unknown = Reflect.get(instance, key)
        const result: unknown = Reflect.apply(typeof current === 'function' ? current : target, instance, args)
        return result === instance ? user : result
      }
    })
  }
}

interface Method {
  readonly original: object
  readonly instance: object
  readonly wrapper: unknown
}

/**
 * Stands in for `prototype`: it has what that has, and else what the instance behind its user has. At the end of a
 * prototype chain it costs nothing to who finds a member earlier.
 */
export function membersBehind(prototype: object, membersOf: (user: unknown) => Members | undefined): object {
  return new Proxy(prototype, {
    // for `instanceof`
    getPrototypeOf: () => prototype,

    get(_target, key, user): unknown {
      return Reflect.has(prototype, key) ? Reflect.get(prototype, key, user) : membersOf(user)?.get(key, user)
    },

    set(_target, key, value, user): boolean {
      const members = Reflect.has(prototype, key) ? undefined : membersOf(user)
      if (members?.instance !== undefined) return members.set(key, value)
      const property = { value: value as unknown, writable: true, enumerable: true, configurable: true }
      return Reflect.defineProperty(user as object, key, property)
    }
  })
}
