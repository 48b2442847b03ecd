import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { FrameLimits } from "../../../gateway/frames/frames.js";
import type { Random } from "../../sim/engine/random.js";
import { bend } from "./bend.js";
import { createMessageBuilder, exceed, type Hint, limitedFieldsOf } from "./build.js";
import { scramble } from "./scramble.js";
import { encodeFields, varint } from "./wire.js";

/** How a WebSocket message was made. */
export type Make =
  /** It keeps the contract. */
  | "lawful"
  /** A field somewhere within it was bent. */
  | "bent"
  /** Bytes of its frame were changed; the length before it is right. */
  | "scrambled frame"
  /** Bytes were changed anywhere, lengths included. */
  | "scrambled"
  | "cut short"
  | "length too large"
  | "length too small"
  | "length padded"
  /** One that the contract limits is a little larger, or has an item more. */
  | "field too large"
  | "nothing"
  | "empty frame"
  | "too many frames"
  | "frame too large"
  | "message too large"
  | "garbage"
  | "text";

/** What one side might be sent. */
export type FuzzMessage = Readonly<{
  bytes: Uint8Array;
  make: Make;
  /** The cases of the frames in it as they were before anything was done to them. */
  cases: readonly string[];
}>;

export type MessageOptions = Readonly<{
  /** `ClientFrame` or `ServerFrame`. */
  frame: DescMessage;
  limits: FrameLimits;
  random: Random;
  hint: Hint;
  /** How often each case is to come, where that is not 1. */
  weights: Readonly<Record<string, number>>;
}>;

/** Of a thousand messages. What is lawful comes most: it is what gets everybody somewhere. */
const makes: readonly (readonly [Make, number])[] = [
  ["lawful", 505],
  ["bent", 200],
  ["scrambled frame", 120],
  ["scrambled", 60],
  ["cut short", 15],
  ["length too large", 15],
  ["length too small", 15],
  ["length padded", 15],
  ["field too large", 15],
  ["nothing", 3],
  ["empty frame", 8],
  ["too many frames", 5],
  ["frame too large", 4],
  ["message too large", 2],
  ["garbage", 12],
  ["text", 6],
];

/** Makes one message. */
export function makeMessage(options: MessageOptions): FuzzMessage {
  const maker = new MessageMaker(options);
  return maker.make(pickMake(options.random));
}

function pickMake(random: Random): Make {
  let roll = random.whole(1, 1_000);
  for (const [make, share] of makes) {
    roll -= share;
    if (roll <= 0) return make;
  }
  return "lawful";
}

type FrameField = DescField & { fieldKind: "message" };

function framesOf(frame: DescMessage): FrameField[] {
  return frame.fields.filter((field) => field.fieldKind === "message");
}

type Frame = Readonly<{ kind: string; body: Uint8Array }>;

class MessageMaker {
  readonly #options: MessageOptions;
  readonly #builder;

  constructor(options: MessageOptions) {
    this.#options = options;
    this.#builder = createMessageBuilder(options.random, options.hint);
  }

  make(make: Make): FuzzMessage {
    const { random, limits } = this.#options;
    if (make === "lawful") return this.#lawful();
    const { kind, body } = this.#frameFor(make);
    const made = (bytes: Uint8Array): FuzzMessage => ({ bytes, make, cases: [kind] });
    switch (make) {
      case "bent":
      case "field too large":
        return made(prefixed(body));
      case "scrambled frame":
        return made(prefixed(scramble(body, random)));
      case "scrambled":
        return made(scramble(prefixed(body), random));
      case "cut short":
        return made(prefixed(body).subarray(0, random.whole(1, body.length)));
      case "length too large":
        return made(prefixed(body, body.length + random.pick([1, 2, 100, 2 ** 20, 2 ** 31])));
      case "length too small":
        return made(prefixed(body, Math.max(0, body.length - random.pick([1, 2, 10]))));
      case "length padded":
        return made(Buffer.concat([varint(BigInt(body.length), random.whole(1, 10)), body]));
      case "nothing":
        return made(new Uint8Array(0));
      case "empty frame":
        return made(Buffer.concat([prefixed(body), Uint8Array.of(0), prefixed(body)]));
      case "too many frames":
        return made(manyFrames(prefixed(body), limits.framesPerMessageMax + random.whole(1, 20)));
      case "frame too large":
        return made(prefixed(Buffer.concat([body, new Uint8Array(limits.frameMaxBytes)])));
      case "message too large":
        return made(Buffer.concat([prefixed(body), new Uint8Array(limits.messageMaxBytes)]));
      case "garbage":
        return made(Uint8Array.from({ length: random.whole(1, 200) }, () => random.whole(0, 255)));
      case "text":
        return made(Buffer.from("hello"));
    }
  }

  /** One frame as a rule, some now and then, and as many as there may be once in a while. */
  #lawful(): FuzzMessage {
    const { random, limits } = this.#options;
    const count = this.#countOfFrames();
    const frames: Frame[] = [];
    let bytes = 0;
    for (let index = 0; index < count; index++) {
      const frame = this.#frame();
      bytes += frame.body.length + 3;
      if (frames.length > 0 && bytes > limits.messageMaxBytes) break;
      frames.push(frame);
    }
    const cases = frames.map(({ kind }) => kind);
    // A device that is about to leave says nothing after that, or whoever reads on would not be tested.
    const last = random.chance(0.9) ? cases.indexOf("logout") : -1;
    const kept = last < 0 ? frames : frames.slice(0, last + 1);
    return { bytes: Buffer.concat(kept.map(({ body }) => prefixed(body))), make: "lawful", cases };
  }

  #countOfFrames(): number {
    const { random, limits } = this.#options;
    if (random.chance(0.8)) return 1;
    return random.chance(0.03) ? limits.framesPerMessageMax : random.whole(2, 6);
  }

  #frame(): Frame {
    const member = this.#pickMember();
    return { kind: member.localName, body: encodeFields(this.#builder.build(this.#options.frame, member)) };
  }

  #frameFor(make: Make): Frame {
    if (make === "bent") return this.#bentFrame();
    return make === "field too large" ? this.#excessiveFrame() : this.#frame();
  }

  #excessiveFrame(): Frame {
    const { frame, random } = this.#options;
    const members = framesOf(frame).filter(({ message }) => limitedFieldsOf(message).length > 0);
    const member = random.pick(members);
    const [{ value } = {}] = this.#builder.build(frame, member);
    const field = random.pick(limitedFieldsOf(member.message));
    if (value?.wire !== "message") throw new Error(`${member.name} is no message`);
    value.fields.push(...exceed(field));
    return { kind: member.localName, body: encodeFields([{ number: member.number, value }]) };
  }

  #bentFrame(): Frame {
    const { frame, random } = this.#options;
    const member = this.#pickMember();
    const fields = this.#builder.build(frame, member);
    bend(fields, random, () => this.#builder.build(random.chance(0.5) ? frame : this.#anyMessage()));
    return { kind: member.localName, body: encodeFields(fields) };
  }

  #anyMessage(): DescMessage {
    return this.#pickMember().message;
  }

  #pickMember(): FrameField {
    const { frame, random, weights } = this.#options;
    const members = framesOf(frame);
    let roll = random.between(
      0,
      members.reduce((sum, { localName }) => sum + (weights[localName] ?? 1), 0),
    );
    for (const member of members) {
      roll -= weights[member.localName] ?? 1;
      if (roll < 0) return member;
    }
    throw new Error(`${frame.name} has no frames`);
  }
}

function prefixed(body: Uint8Array, length = body.length): Uint8Array {
  return Buffer.concat([varint(BigInt(length)), body]);
}

/** Short ones, so that it is their number that is too large. */
function manyFrames(frame: Uint8Array, count: number): Uint8Array {
  const short = frame.length < 1_000 ? frame : Uint8Array.of(2, 0x12, 0);
  return Buffer.concat(new Array<Uint8Array>(count).fill(short));
}
