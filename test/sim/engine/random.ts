/** A source of chance that follows from its seed alone. */
export interface Random {
  /** Uniform in [0, 1). */
  (): number;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** A whole number, uniform from `from` to `to`, both included. */
  whole(from: number, to: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Another source, which depends on this one's seed and on `name` but not on what was drawn: parts that are left out leave the others as they were. */
  fork(name: string): Random;
}

/** sfc32 by Chris Doty-Humphrey: 128 bits of state, passes PractRand, and takes some nanoseconds. */
export function createRandom(seed: number | string): Random {
  const key = String(seed);
  const next = sfc32(hash(key, 0x9e3779b9), hash(key, 0x243f6a88), hash(key, 0xb7e15162));
  const between = (from: number, to: number) => from + next() * (to - from);
  const whole = (from: number, to: number) => Math.floor(between(from, to + 1));
  return Object.assign(() => next(), {
    between,
    whole,
    chance: (probability: number) => probability > 0 && next() < probability,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new Error("there is nothing to pick from");
      return items[whole(0, items.length - 1)] as T;
    },
    fork: (name: string) => createRandom(`${key}/${name}`),
  });
}

function sfc32(first: number, second: number, third: number): () => number {
  let a = first;
  let b = second;
  let c = third;
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** FNV-1a, begun elsewhere than usual. */
function hash(text: string, start: number): number {
  let value = start | 0;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value ^ (value >>> 15);
}
