import type { Random } from "../../sim/engine/random.js";
import { uint64Of } from "./values.js";
import { listsOf, type WireField, type WireValue } from "./wire.js";

/** Field numbers that nothing uses, and such as cannot be. */
const oddNumbers = [0, 10, 15, 16, 2_047, 2_048, 19_000, 2 ** 28, 2 ** 29 - 1];
const lies = [-5, -1, 1, 2, 127, 100_000, 2 ** 31, 2 ** 32 - 1];
const repetitions = [2, 3, 40, 600];
const depths = [1, 5, 9, 100, 3_000];

type Bend = (list: WireField[], random: Random, foreign: () => WireField[]) => void;

/**
 * Bends a message in one place or more, anywhere within it: what comes out may still keep the contract, or break it in a way that
 * only a reader who looks at that very field can find.
 * @param foreign Another message, whose fields end up in this one: another member of a oneof, the same field twice.
 */
export function bend(fields: WireField[], random: Random, foreign: () => WireField[]): void {
  const times = random.chance(0.7) ? 1 : random.whole(2, 4);
  for (let time = 0; time < times; time++) {
    const lists = listsOf(fields);
    random.pick(bends)(random.pick(lists), random, foreign);
  }
}

const bends: readonly Bend[] = [
  drop,
  repeat,
  addForeign,
  replaceValue,
  addUnknown,
  renumber,
  pad,
  lie,
  reverse,
  addGroups,
  spoilText,
  empty,
];

function drop(list: WireField[], random: Random) {
  if (list.length > 0) list.splice(random.whole(0, list.length - 1), 1);
}

function repeat(list: WireField[], random: Random) {
  if (list.length === 0) return;
  const field = random.pick(list);
  const times = random.pick(repetitions);
  if (sizeOf(field.value) * times > 100_000) return;
  list.push(...new Array<WireField>(times).fill(field));
}

function addForeign(list: WireField[], random: Random, foreign: () => WireField[]) {
  list.splice(random.whole(0, list.length), 0, ...foreign());
}

/** Another wire type than the contract's, more often than not. */
function replaceValue(list: WireField[], random: Random) {
  if (list.length > 0)
    list[random.whole(0, list.length - 1)] = { number: random.pick(list).number, value: any(random) };
}

function addUnknown(list: WireField[], random: Random) {
  list.splice(random.whole(0, list.length), 0, { number: random.pick(oddNumbers), value: any(random) });
}

function renumber(list: WireField[], random: Random) {
  if (list.length === 0) return;
  const { value } = random.pick(list);
  list[list.length - 1] = { number: random.whole(1, 12), value };
}

function pad(list: WireField[], random: Random) {
  for (const { value } of list) if (value.wire === "varint") value.paddingBytes = random.whole(1, 10);
}

function lie(list: WireField[], random: Random) {
  for (const { value } of list) if (value.wire === "message") value.lieBytes = random.pick(lies);
}

function reverse(list: WireField[]) {
  list.reverse();
}

function addGroups(list: WireField[], random: Random) {
  const value: WireValue = { wire: "groups", depth: random.pick(depths) };
  list.push({ number: random.whole(1, 20), value });
}

/** UTF-8 that is none: a lone continuation, a surrogate, an overlong slash, a start without an end. */
function spoilText(list: WireField[], random: Random) {
  const spoilt = random.pick([[0x80], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf0, 0x9f], [0xff]]);
  for (const field of list) {
    if (field.value.wire === "bytes")
      field.value = { wire: "bytes", bytes: Buffer.concat([field.value.bytes, Uint8Array.from(spoilt)]) };
  }
}

function empty(list: WireField[]) {
  list.length = 0;
}

function any(random: Random): WireValue {
  switch (random.whole(0, 5)) {
    case 0:
      return { wire: "varint", value: uint64Of(random), paddingBytes: 0 };
    case 1:
      return { wire: "fixed64", value: uint64Of(random) };
    case 2:
      return { wire: "fixed32", value: random.whole(0, 2 ** 31) };
    case 3:
      return { wire: "message", fields: [], lieBytes: 0 };
    case 4:
      return { wire: "groups", depth: random.pick(depths) };
    default:
      return { wire: "bytes", bytes: new Uint8Array(random.pick([0, 1, 70, 5_000])).fill(random.whole(0, 255)) };
  }
}

function sizeOf(value: WireValue): number {
  if (value.wire === "bytes") return value.bytes.length;
  if (value.wire === "message") return value.fields.reduce((sum, field) => sum + sizeOf(field.value) + 4, 4);
  return value.wire === "groups" ? value.depth : 10;
}
