import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import * as options from "../../gen/ts/tidewire/v1/options_pb.js";
import { commentOf } from "./comments.js";
import type { FieldLimit, Limit, MessageLimits } from "./model.js";
import type { Report } from "./problems.js";

const limitsName = "Limits";

/** Reads the message `Limits`: each field is a uint32 with a default above 0. */
export function readDefaultLimits(messages: readonly DescMessage[], report: Report): Limit[] {
  const limits = messages.find((message) => message.name === limitsName);
  if (limits === undefined) report(undefined, `there is no message ${limitsName}`);
  for (const field of messages.filter((message) => message !== limits).flatMap((message) => message.fields)) {
    if (hasOption(field, options.default_limit)) {
      report(field, `has (default_limit), which belongs to the fields of ${limitsName}`);
    }
  }
  return limits?.fields.map((field) => toLimit(field, report)) ?? [];
}

function toLimit(field: DescField, report: Report): Limit {
  const defaultValue = getOption(field, options.default_limit);
  if (field.fieldKind !== "scalar" || field.scalar !== ScalarType.UINT32)
    report(field, "is a limit, so it has to be a uint32");
  if (defaultValue === 0) report(field, "has no (default_limit) above 0");
  return { name: field.name, comment: commentOf(field), defaultValue };
}

/** Reads `max_bytes` and `max_items` of every message, and the fields that lead to such limits. */
export function readMessageLimits(messages: readonly DescMessage[], report: Report): MessageLimits[] {
  const limited = typesThatReachLimits(messages);
  return messages.map((message) => toMessageLimits(message, limited, report)).filter(({ fields }) => fields.length > 0);
}

function toMessageLimits(message: DescMessage, limited: ReadonlySet<string>, report: Report): MessageLimits {
  const fields = message.fields.map((field) => toFieldLimit(field, limited, report));
  return { typeName: message.typeName, fields: fields.filter(isLimit) };
}

function isLimit(limit: FieldLimit): boolean {
  return limit.maxBytes !== undefined || limit.maxItems !== undefined || limit.messageType !== undefined;
}

/** A message counts if it has a limited field, or a field of a message that counts; cycles settle by themselves. */
function typesThatReachLimits(messages: readonly DescMessage[]): ReadonlySet<string> {
  const limited = new Set<string>();
  for (let before = -1; before < limited.size; ) {
    before = limited.size;
    for (const message of messages)
      if (message.fields.some((field) => reaches(field, limited))) limited.add(message.typeName);
  }
  return limited;
}

function reaches(field: DescField, limited: ReadonlySet<string>): boolean {
  if (hasOption(field, options.max_bytes) || hasOption(field, options.max_items)) return true;
  return limited.has(field.message?.typeName ?? "");
}

function toFieldLimit(field: DescField, limited: ReadonlySet<string>, report: Report): FieldLimit {
  const messageType = field.message?.typeName ?? "";
  if (field.fieldKind === "map" && reaches(field, limited))
    report(field, "is a map, and limits do not reach into maps");
  return {
    name: field.name,
    oneof: field.oneof?.name,
    maxBytes: maxBytesOf(field, report),
    maxItems: maxItemsOf(field, report),
    messageType: limited.has(messageType) ? messageType : undefined,
  };
}

function maxBytesOf(field: DescField, report: Report): number | undefined {
  if (!hasOption(field, options.max_bytes)) return undefined;
  const maxBytes = getOption(field, options.max_bytes);
  if (field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES) {
    report(field, "has (max_bytes), which belongs to strings and bytes");
  }
  if (maxBytes === 0) report(field, "(max_bytes) has to be above 0");
  return maxBytes;
}

function maxItemsOf(field: DescField, report: Report): number | undefined {
  if (!hasOption(field, options.max_items)) return undefined;
  const maxItems = getOption(field, options.max_items);
  if (field.fieldKind !== "list") report(field, "has (max_items), which belongs to repeated fields");
  if (maxItems === 0) report(field, "(max_items) has to be above 0");
  return maxItems;
}
