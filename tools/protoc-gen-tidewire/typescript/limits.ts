import type { FieldLimit, Limit, MessageLimits } from "../model.js";
import { fieldLimitCheck } from "./field-limit-check.js";
import { braced, docComment, quote, toLocalName } from "./text.js";

/** `limits.ts`: the defaults of `Limits`, and the limits of single fields with the function that checks them. */
export function emitLimits(limits: readonly Limit[], messages: readonly MessageLimits[]): string {
  return `import type { DescMessage, MessageShape } from "@bufbuild/protobuf";

/** The fields of \`Limits\`. */
export interface LimitValues {
${limits.map((limit) => `${docComment(limit.comment, "  ")}  ${toLocalName(limit.name)}: number;\n`).join("")}}

/** What holds unless configuration says otherwise. */
export const defaultLimits: Readonly<LimitValues> = {
${limits.map(({ name, defaultValue }) => `  ${toLocalName(name)}: ${separated(defaultValue)},\n`).join("")}};

/** The limit of a field, or the way to limits further in. */
export interface FieldLimit {
  /** As in the contract, such as "display_name". */
  readonly name: string;
  /** As in TypeScript, such as "displayName". */
  readonly key: string;
  /** The oneof that the field is in, as in TypeScript. */
  readonly oneof?: string;
  /** Most bytes of a bytes field or of a string in UTF-8; in a repeated field, of each item. */
  readonly maxBytes?: number;
  /** Most items of a repeated field. */
  readonly maxItems?: number;
  /** The type of the message (or messages) in this field. */
  readonly message?: string;
}

/** By type name; messages from which no limit can be reached are left out. */
export const fieldLimits: Readonly<Record<string, readonly FieldLimit[]>> = {
${messages.map(emitMessage).join("")}};

${fieldLimitCheck}`;
}

/** 131072 as 131_072: the digits in groups of three. */
function separated(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "_");
}

function emitMessage({ typeName, fields }: MessageLimits): string {
  const only = fields[0];
  const oneLine = only === undefined ? "" : `  ${quote(typeName)}: [{ ${entriesOf(only).join(", ")} }],\n`;
  if (fields.length === 1 && oneLine.length <= 121) return oneLine;
  return `  ${quote(typeName)}: [\n${fields.map((field) => braced("", entriesOf(field), ",", "    ")).join("")}  ],\n`;
}

function entriesOf(field: FieldLimit): string[] {
  const entries = [`name: ${quote(field.name)}`, `key: ${quote(toLocalName(field.name))}`];
  if (field.oneof !== undefined) entries.push(`oneof: ${quote(toLocalName(field.oneof))}`);
  if (field.maxBytes !== undefined) entries.push(`maxBytes: ${separated(field.maxBytes)}`);
  if (field.maxItems !== undefined) entries.push(`maxItems: ${separated(field.maxItems)}`);
  if (field.messageType !== undefined) entries.push(`message: ${quote(field.messageType)}`);
  return entries;
}
