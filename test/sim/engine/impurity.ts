/** Where time, chance and turns come from in life: nothing that runs in a simulation may ask for them. */
const sources: readonly (readonly [object: object, name: string])[] = [
  [Date, "now"],
  [performance, "now"],
  [Math, "random"],
  [crypto, "randomUUID"],
  [crypto, "getRandomValues"],
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
  [globalThis, "setImmediate"],
];

/** Runs `run`, which may not await, and calls `asked` with the name of each source of the real world that is asked meanwhile. */
export function watchImpurity<T>(run: () => T, asked: (source: string) => void): T {
  const restores = sources.map(([object, name]) => watch(object, name, asked));
  try {
    return run();
  } finally {
    for (const restore of restores) restore();
  }
}

function watch(object: object, name: string, asked: (source: string) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  const original = Reflect.get(object, name) as (...parameters: unknown[]) => unknown;
  const value = (...parameters: unknown[]) => {
    asked(name);
    return Reflect.apply(original, object, parameters);
  };
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(object, name, own);
    else Reflect.deleteProperty(object, name);
  };
}
