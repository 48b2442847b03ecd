/** How a client spaces its attempts to connect. Source: "Exponential Backoff And Jitter", the full-jitter variant. */
export interface Backoff {
  /** How long to wait before the next attempt, in milliseconds: between 0 and a ceiling that doubles from 500 to 30,000. */
  nextMs(): number;
  /** To be called when the server has proven to work. */
  reset(): void;
}

const firstMs = 500;
const ceilingMs = 30_000;

export function createBackoff(random: () => number): Backoff {
  let attempts = 0;
  return {
    nextMs() {
      const limitMs = Math.min(ceilingMs, firstMs * 2 ** attempts);
      attempts = Math.min(attempts + 1, 16);
      return Math.round(random() * limitMs);
    },
    reset() {
      attempts = 0;
    },
  };
}
