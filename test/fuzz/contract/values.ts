import type { Random } from "../../sim/engine/random.js";

/** The edges of what numbers can be: where one more bit, or one more byte of a varint, is needed. */
const numbers = [
  0n,
  1n,
  2n,
  3n,
  127n,
  128n,
  16_383n,
  16_384n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
] as const;

const smallNumbers = numbers.filter((number) => number < 2n ** 32n);

const doubles = [
  0,
  -0,
  1.5,
  52.52,
  -90,
  90,
  90.0001,
  180,
  -180.0001,
  5e-324,
  1.797e308,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];
const doubleBits = doubles.map((double) => new BigUint64Array(Float64Array.of(double).buffer)[0] ?? 0n);

const scripts = ["a", "é", "漢", "😀", "\u0000", "\u200d", "ﷺ"];
/** Sizes in bytes: many small ones, few that cost much. */
const usualSizes = [0, 1, 5, 12, 40];
const largeSizes = [300, 1_000, 4_096];
const hugeSizes = [16_383, 16_384, 20_000, 60_000];

export const uint64Of = (random: Random): bigint => random.pick(numbers);
export const uint32Of = (random: Random): bigint => random.pick(smallNumbers);
export const doubleBitsOf = (random: Random): bigint => random.pick(doubleBits);

/** A size up to `maxBytes`: its edge now and then. */
export function sizeOf(random: Random, maxBytes: number): number {
  if (maxBytes <= 300 && random.chance(0.05)) return maxBytes;
  return Math.min(maxBytes, random.pick(pickSizes(random())));
}

/** Text of exactly so many bytes, in some script or other. */
export function textOf(random: Random, bytes: number): Uint8Array {
  const character = Buffer.from(random.pick(scripts));
  const text = new Uint8Array(bytes).fill(0x61);
  for (let at = 0; at + character.length <= bytes && at < 200; at += character.length) text.set(character, at);
  return text;
}

export function bytesOf(random: Random, bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(random.whole(0, 255));
}

function pickSizes(roll: number): readonly number[] {
  if (roll < 0.985) return usualSizes;
  return roll < 0.997 ? largeSizes : hugeSizes;
}
