/**
 * What a wrapped plugin does not have itself is looked up on the inner plugin. A Proxy stands at the end of the layers'
 * prototype chain, so that only such look-ups pay for it; the layer they are meant for arrives as the receiver.
 */
export function membersOf(innerOf: (layer: unknown) => Inner | undefined): object {
  return new Proxy(Object.create(null) as object, {
    get(_target, key, layer): unknown {
      const inner = innerOf(layer)
      if (inner === undefined) return undefined
      const value: unknown = Reflect.get(inner.plugin, key, inner.plugin)
      return typeof value === 'function' ? method(inner, value, layer as object) : value
    },
    set(_target, key, value, layer): boolean {
      const inner = innerOf(layer)
      return inner !== undefined && Reflect.set(inner.plugin, key, value, inner.plugin)
    }
  })
}

export interface Inner {
  readonly plugin: object
  /** The methods that were handed out, so that each keeps its identity. */
  readonly methods: WeakMap<object, unknown>
}

/** The inner plugin's own method, but for `this` and for a result that is the inner plugin itself. */
function method(inner: Inner, original: object, layer: object): unknown {
  const known = inner.methods.get(original)
  if (known !== undefined) return known
  const made = new Proxy(original as (...args: unknown[]) => unknown, {
    apply(target, self, args): unknown {
      const result: unknown = Reflect.apply(target, self === layer ? inner.plugin : self, args)
      return result === inner.plugin ? layer : result
    }
  })
  inner.methods.set(original, made)
  return made
}
