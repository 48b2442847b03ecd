import type { DescEnum, DescEnumValue } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import * as options from "../../gen/ts/tidewire/v1/options_pb.js";
import { commentOf } from "./comments.js";
import {
  type CloseCodeMeaning,
  type CodeTable,
  type ErrorCodeMeaning,
  firstCloseCode,
  firstFinalCloseCode,
  lastCloseCode,
  type RemedyName,
} from "./model.js";
import type { Report } from "./problems.js";

const errorAdviceMaxBytes = 200;
/** A close frame has room for 123 bytes of reason (RFC 6455 §5.5). */
const closeAdviceMaxBytes = 120;

/** Source: https://connectrpc.com/docs/protocol#error-codes */
const connectCodes: ReadonlySet<string> = new Set([
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
]);

const remedyNames: Readonly<Record<options.Remedy, RemedyName>> = {
  [options.Remedy.UNSPECIFIED]: "none",
  [options.Remedy.RETRY_LATER]: "retry-later",
  [options.Remedy.NEW_TOKEN]: "new-token",
  [options.Remedy.CHANGE_REQUEST]: "change-request",
};

/** Reads the enum `ErrorCode`: each value but zero states what it means. */
export function readErrorCodes(enums: readonly DescEnum[], report: Report): CodeTable<ErrorCodeMeaning> {
  const has = (value: DescEnumValue) => hasOption(value, options.error);
  return readTable({ name: "ErrorCode", option: "error", has, read: toErrorMeaning }, enums, report);
}

/** Reads the enum `CloseCode`: each value but zero states what it means. */
export function readCloseCodes(enums: readonly DescEnum[], report: Report): CodeTable<CloseCodeMeaning> {
  const has = (value: DescEnumValue) => hasOption(value, options.close);
  return readTable({ name: "CloseCode", option: "close", has, read: toCloseMeaning }, enums, report);
}

interface TableRules<Meaning> {
  name: string;
  option: string;
  has(value: DescEnumValue): boolean;
  read(value: DescEnumValue, report: Report): Meaning;
}

function readTable<Meaning>(
  rules: TableRules<Meaning>,
  enums: readonly DescEnum[],
  report: Report,
): CodeTable<Meaning> {
  const table = enums.find((candidate) => candidate.name === rules.name);
  if (table === undefined) report(undefined, `there is no enum ${rules.name}`);
  for (const value of enums.flatMap((candidate) => candidate.values)) checkPresence(rules, value, report);
  return {
    type: { name: rules.name, file: table === undefined ? "" : `${table.file.name}.proto` },
    zeroName: table?.values.find((value) => value.number === 0)?.localName ?? "",
    codes: table?.values.filter(rules.has).map((value) => rules.read(value, report)) ?? [],
  };
}

function checkPresence<Meaning>(rules: TableRules<Meaning>, value: DescEnumValue, report: Report): void {
  const wanted = value.parent.name === rules.name && value.number !== 0;
  if (wanted && !rules.has(value)) report(value, `has no (${rules.option}), so nobody knows what it means`);
  if (!wanted && rules.has(value)) report(value, `has (${rules.option}), which belongs to the codes of ${rules.name}`);
}

function toErrorMeaning(value: DescEnumValue, report: Report): ErrorCodeMeaning {
  const meaning = getOption(value, options.error);
  checkAdvice(value, meaning.advice, errorAdviceMaxBytes, report);
  if (!connectCodes.has(meaning.connectCode)) {
    report(value, `connect_code "${meaning.connectCode}" is not one of Connect's codes`);
  }
  if (meaning.consumesClientId && meaning.remedy === options.Remedy.RETRY_LATER) {
    report(value, "is cured by retrying, so it must not consume the client_id");
  }
  const remedy: RemedyName | undefined = remedyNames[meaning.remedy];
  if (remedy === undefined) report(value, `remedy ${meaning.remedy} is unknown to this generator`);
  return {
    ...toCode(value, meaning.advice),
    remedy: remedy ?? "none",
    connectCode: meaning.connectCode,
    consumesClientId: meaning.consumesClientId,
  };
}

function toCloseMeaning(value: DescEnumValue, report: Report): CloseCodeMeaning {
  const { advice } = getOption(value, options.close);
  checkAdvice(value, advice, closeAdviceMaxBytes, report);
  if (value.number < firstCloseCode || value.number > lastCloseCode) {
    report(value, `close code ${value.number} is outside the private range ${firstCloseCode} to ${lastCloseCode}`);
  }
  return { ...toCode(value, advice), reconnect: value.number < firstFinalCloseCode };
}

function toCode(value: DescEnumValue, advice: string) {
  return { number: value.number, name: value.localName, comment: commentOf(value), advice };
}

function checkAdvice(value: DescEnumValue, advice: string, maxBytes: number, report: Report): void {
  const sizeBytes = Buffer.byteLength(advice);
  if (sizeBytes === 0) report(value, "has no advice");
  else if (sizeBytes > maxBytes) report(value, `advice has ${sizeBytes} bytes; at most ${maxBytes} are allowed`);
  else if (!advice.endsWith(".") || advice.includes("\n"))
    report(value, "advice has to be one line ending in a full stop");
}
