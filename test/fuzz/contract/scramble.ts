import type { Random } from "../../sim/engine/random.js";

type Scramble = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Bytes that readers of protobuf trip over: the ends of varints, tags of groups, and lengths. */
const telling = [0x00, 0x01, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x7f, 0x80, 0x88, 0xff];

/** Changes bytes without knowing what they mean. */
export function scramble(bytes: Uint8Array, random: Random): Uint8Array {
  let scrambled = bytes;
  const times = random.chance(0.6) ? 1 : random.whole(2, 5);
  for (let time = 0; time < times; time++) scrambled = random.pick(scrambles)(scrambled, random);
  return scrambled;
}

const scrambles: readonly Scramble[] = [
  flipBit,
  setByte,
  (bytes, random) => bytes.subarray(0, random.whole(0, bytes.length)),
  (bytes, random) => bytes.subarray(random.whole(0, bytes.length)),
  cutOut,
  (bytes, random) => splice(bytes, random, Uint8Array.of(random.pick(telling))),
  (bytes, random) => splice(bytes, random, new Uint8Array(random.whole(1, 12)).fill(random.whole(0x80, 0xff))),
  (bytes, random) => splice(bytes, random, new Uint8Array(random.whole(1, 300)).fill(random.pick(telling))),
  (bytes, random) => splice(bytes, random, bytes.subarray(random.whole(0, bytes.length)).subarray(0, 2_000)),
];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = bytes.slice();
  const at = random.whole(0, bytes.length - 1);
  if (at < bytes.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.whole(0, 7));
  return flipped;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  const set = bytes.slice();
  const at = random.whole(0, bytes.length - 1);
  if (at < bytes.length) set[at] = random.pick(telling);
  return set;
}

function cutOut(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random.whole(0, bytes.length);
  const end = Math.min(bytes.length, start + random.whole(1, 8));
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function splice(bytes: Uint8Array, random: Random, inserted: Uint8Array): Uint8Array {
  const at = random.whole(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
}
