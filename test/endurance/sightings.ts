/** Texts that have been seen, and those who wait for one. */
export interface Sightings {
  see(text: string): void;
  /** Resolves once the text has been seen; at once if that is not long ago. */
  until(text: string): Promise<void>;
}

/** How many texts are remembered. */
const rememberedMax = 5_000;

export function createSightings(): Sightings {
  const seen = new Set<string>();
  const waiting = new Map<string, (() => void)[]>();
  return {
    see(text) {
      seen.add(text);
      const [oldest] = seen;
      if (seen.size > rememberedMax && oldest !== undefined) seen.delete(oldest);
      for (const resolve of waiting.get(text) ?? []) resolve();
      waiting.delete(text);
    },
    until(text) {
      if (seen.has(text)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(text, [...(waiting.get(text) ?? []), resolve]));
    },
  };
}
