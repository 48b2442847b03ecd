import { fullBucket, type GcraState } from "../runtime/gcra.js";

/** How fast each user sends, all its devices on this gateway together. */
export interface UserRates {
  get(userId: bigint | undefined): GcraState;
  set(userId: bigint, state: GcraState): void;
  /** Forgets users whose buckets are full again. */
  forgetIdle(nowMs: number): void;
  readonly size: number;
}

export function createUserRates(): UserRates {
  const states = new Map<bigint, GcraState>();
  return {
    get: (userId) => (userId === undefined ? fullBucket : (states.get(userId) ?? fullBucket)),
    set: (userId, state) => void states.set(userId, state),
    forgetIdle(nowMs) {
      for (const [userId, fullAtMs] of states) if (fullAtMs <= nowMs) states.delete(userId);
    },
    get size() {
      return states.size;
    },
  };
}
