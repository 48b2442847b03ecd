/**
 * A map whose entries are leases. An expired entry is invisible at once and gives its memory back at the next `sweep`;
 * there is no timer for each. Times are milliseconds on the caller's monotonic clock.
 */
export interface ExpiringMap<Key, Value> {
  get(key: Key, nowMs: number): Value | undefined;
  set(key: Key, value: Value, expiresMs: number): void;
  delete(key: Key): void;
  /** The entries that have not expired. */
  entries(nowMs: number): Iterable<[Key, Value]>;
  /** Drops what has expired. */
  sweep(nowMs: number): void;
  /** Entries in memory, expired ones included until they are swept. */
  readonly size: number;
}

/** At most `entriesMax` entries; one more drops the entry that has been there longest without being set again. */
export function createExpiringMap<Key, Value>(options: { entriesMax: number }): ExpiringMap<Key, Value> {
  const map = new Map<Key, { value: Value; expiresMs: number }>();
  return {
    get(key, nowMs) {
      const entry = map.get(key);
      return entry !== undefined && entry.expiresMs > nowMs ? entry.value : undefined;
    },
    set(key, value, expiresMs) {
      map.delete(key); // a Map keeps the place of a key that is set again; the oldest must be first
      map.set(key, { value, expiresMs });
      if (map.size > options.entriesMax) for (const oldest of map.keys()) return void map.delete(oldest);
    },
    delete: (key) => void map.delete(key),
    *entries(nowMs) {
      for (const [key, entry] of map) if (entry.expiresMs > nowMs) yield [key, entry.value];
    },
    sweep(nowMs) {
      for (const [key, entry] of map) if (entry.expiresMs <= nowMs) map.delete(key);
    },
    get size() {
      return map.size;
    },
  };
}
