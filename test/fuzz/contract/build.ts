import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { max_bytes, max_items } from "../../../gen/ts/tidewire/v1/options_pb.js";
import type { Random } from "../../sim/engine/random.js";
import { bytesOf, doubleBitsOf, sizeOf, textOf, uint32Of, uint64Of } from "./values.js";
import { encodeFields, varint, type WireField, type WireValue } from "./wire.js";

/**
 * A value that makes sense to whoever reads the field, such as the next client_id; bytes are those of a whole message. Undefined:
 * any will do. Fields are named with their message, such as "UpMsg.client_id".
 */
export type Hint = (field: string) => bigint | string | Uint8Array | undefined;

/** Builds messages that keep the contract, by walking its descriptors: whatever field it gains is met by itself. */
export interface MessageBuilder {
  /** @param member The member of the first oneof to set; by chance if it is left out. */
  build(message: DescMessage, member?: DescField): WireField[];
}

export function createMessageBuilder(random: Random, hint: Hint): MessageBuilder {
  function build(message: DescMessage, member?: DescField): WireField[] {
    const members = new Map(message.oneofs.map((oneof, index) => [oneof, chooseMember(oneof, index, member)]));
    const fields: WireField[] = [];
    for (const field of message.fields) {
      if (field.oneof ? members.get(field.oneof) === field : isPresent(field)) fields.push(...toFields(field));
    }
    return fields;
  }

  function chooseMember(oneof: DescOneof, index: number, member: DescField | undefined): DescField | undefined {
    if (member && index === 0) return member;
    return random.chance(0.06) ? undefined : random.pick(oneof.fields);
  }

  function isPresent(field: DescField): boolean {
    return factsOf(field).isRequired || random.chance(0.7);
  }

  function toFields(field: DescField): WireField[] {
    const { number } = field;
    switch (field.fieldKind) {
      case "message":
        return [{ number, value: toSingleMessage(field) }];
      case "enum":
        return [{ number, value: toEnum(field, field.enum) }];
      case "scalar":
        return [{ number, value: toScalar(field, field.scalar) }];
      case "list":
        return toList(field);
      case "map":
        throw new Error(`${factsOf(field).name}: the contract has no maps`);
    }
  }

  function toList(field: DescField & { fieldKind: "list" }): WireField[] {
    const { number } = field;
    const count = countOf(field);
    if (field.listKind === "message")
      return Array.from({ length: count }, () => ({ number, value: toMessage(field.message) }));
    if (field.listKind === "enum")
      return Array.from({ length: count }, () => ({ number, value: toEnum(field, field.enum) }));
    const values = Array.from({ length: count }, () => toScalar(field, field.scalar));
    return field.packed && random.chance(0.8)
      ? [{ number, value: pack(values) }]
      : values.map((value) => ({ number, value }));
  }

  function countOf(field: DescField): number {
    const { maxItems } = factsOf(field);
    return random.chance(0.01) ? maxItems : Math.min(maxItems, random.pick([0, 1, 1, 2, 3]));
  }

  function toSingleMessage(field: DescField & { fieldKind: "message" }): WireValue {
    const hinted = random.chance(0.5) ? hint(factsOf(field).name) : undefined;
    return hinted instanceof Uint8Array ? { wire: "bytes", bytes: hinted } : toMessage(field.message);
  }

  function toMessage(message: DescMessage): WireValue {
    return { wire: "message", fields: build(message), lieBytes: 0 };
  }

  /** proto3's enums are open: a value of a later version is lawful. */
  function toEnum(field: DescField, { values }: DescEnum): WireValue {
    const hinted = random.chance(0.85) ? hint(factsOf(field).name) : undefined;
    const number = random.chance(0.05) ? random.pick([99, 9_999, -1]) : random.pick(values).number;
    return { wire: "varint", value: typeof hinted === "bigint" ? hinted : BigInt(number), paddingBytes: 0 };
  }

  function toScalar(field: DescField, scalar: ScalarType): WireValue {
    const { name, isRequired } = factsOf(field);
    const hinted = isRequired || random.chance(0.85) ? hint(name) : undefined;
    switch (scalar) {
      case ScalarType.STRING:
        return { wire: "bytes", bytes: typeof hinted === "string" ? Buffer.from(hinted) : anyText(field) };
      case ScalarType.BYTES:
        return { wire: "bytes", bytes: bytesOf(random, sizeOf(random, factsOf(field).maxBytes)) };
      case ScalarType.FIXED64:
        return { wire: "fixed64", value: typeof hinted === "bigint" ? hinted : uint64Of(random) };
      case ScalarType.DOUBLE:
        return { wire: "fixed64", value: doubleBitsOf(random) };
      case ScalarType.BOOL:
        return { wire: "varint", value: random.pick([0n, 1n, 1n, 2n]), paddingBytes: 0 };
      case ScalarType.UINT32:
        return { wire: "varint", value: typeof hinted === "bigint" ? hinted : uint32Of(random), paddingBytes: 0 };
      case ScalarType.UINT64:
      case ScalarType.INT64:
        return { wire: "varint", value: typeof hinted === "bigint" ? hinted : uint64Of(random), paddingBytes: 0 };
      default:
        throw new Error(`${factsOf(field).name}: nobody has taught the fuzz its type`);
    }
  }

  function anyText(field: DescField): Uint8Array {
    return textOf(random, Math.max(factsOf(field).isRequired ? 1 : 0, sizeOf(random, factsOf(field).maxBytes)));
  }

  return { build };
}

/** What the contract says of a field in options and words. */
type FieldFacts = Readonly<{ name: string; isRequired: boolean; maxBytes: number; maxItems: number }>;

/** Fields that the contract wants in words only: without them, or with 0, a message breaks it. */
const required = new Set(["UpMsg.client_id", "Login.device_id"]);

const knownFacts = new WeakMap<DescField, FieldFacts>();

/** Reading options costs more than all the rest of building a message. */
function factsOf(field: DescField): FieldFacts {
  const known = knownFacts.get(field);
  if (known) return known;
  const name = `${field.parent.name}.${field.name}`;
  const facts = {
    name,
    isRequired: required.has(name),
    maxBytes: hasOption(field, max_bytes) ? getOption(field, max_bytes) : Number.POSITIVE_INFINITY,
    maxItems: hasOption(field, max_items) ? getOption(field, max_items) : 50,
  };
  knownFacts.set(field, facts);
  return facts;
}

/** The fields of a message that the contract limits. */
export function limitedFieldsOf(message: DescMessage): DescField[] {
  return message.fields.filter((field) => hasOption(field, max_bytes) || hasOption(field, max_items));
}

/** A field that is a little too large, or has an item too many. */
export function exceed(field: DescField): WireField[] {
  const { maxBytes, maxItems } = factsOf(field);
  const { number } = field;
  if (field.fieldKind === "list") {
    const item: WireField = { number, value: leastItem(field) };
    return new Array<WireField>(maxItems + 1).fill(item);
  }
  return [{ number, value: { wire: "bytes", bytes: new Uint8Array(maxBytes + 1).fill(0x61) } }];
}

/** Repeated numbers in one field, without their tags. */
function pack(values: readonly WireValue[]): WireValue {
  const parts = values.map((value) => {
    if (value.wire === "varint") return varint(value.value);
    return encodeFields([{ number: 1, value }]).subarray(1);
  });
  return { wire: "bytes", bytes: Buffer.concat(parts) };
}

function leastItem({ listKind }: DescField & { fieldKind: "list" }): WireValue {
  if (listKind === "enum") return { wire: "varint", value: 0n, paddingBytes: 0 };
  return { wire: "message", fields: [], lieBytes: 0 };
}
