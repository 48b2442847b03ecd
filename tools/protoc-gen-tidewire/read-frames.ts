import type { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import * as options from "../../gen/ts/tidewire/v1/options_pb.js";
import { commentOf } from "./comments.js";
import type { ClientFrameKind, FrameKind, FrameUnion } from "./model.js";
import type { Report } from "./problems.js";

const { CLIENT_TO_SERVER, SERVER_TO_CLIENT } = options.Direction;

/** Dispatch has a handler of this name for what it does not know. */
const reservedName = "unknown";

/** Reads both frame unions; a union that is missing comes back empty and is reported. */
export function readFrames(messages: readonly DescMessage[], report: Report) {
  const client = findUnion(messages, CLIENT_TO_SERVER, report);
  const server = findUnion(messages, SERVER_TO_CLIENT, report);
  const serverNames = server && new Set(server.fields.map((field) => field.name));
  for (const field of messages.filter((message) => message !== client).flatMap((message) => message.fields)) {
    refuseFrameOptions(field, report);
  }
  return {
    clientFrames: toUnion(client, (field) => toClientKind(field, serverNames, report), report),
    serverFrames: toUnion(server, toKind, report),
  };
}

function findUnion(messages: readonly DescMessage[], direction: options.Direction, report: Report) {
  const found = messages.filter((message) => getOption(message, options.direction) === direction);
  const wanted = `(direction) = DIRECTION_${options.Direction[direction]}`;
  if (found.length === 0) report(undefined, `no message has ${wanted}: one has to be the union of these frames`);
  for (const extra of found.slice(1)) report(extra, `has ${wanted}, as ${found[0]?.name} has: only one may`);
  return found[0];
}

function toUnion<Kind extends FrameKind>(
  message: DescMessage | undefined,
  toFrameKind: (field: DescField) => Kind,
  report: Report,
): FrameUnion<Kind> {
  if (message === undefined) return { type: { name: "", file: "" }, oneof: "", kinds: [] };
  const oneof = onlyOneof(message, report);
  for (const field of message.fields) checkFrameField(field, oneof, report);
  return {
    type: { name: message.name, file: `${message.file.name}.proto` },
    oneof: oneof?.name ?? "",
    kinds: message.fields.map(toFrameKind),
  };
}

function onlyOneof(message: DescMessage, report: Report): DescOneof | undefined {
  if (message.oneofs.length !== 1) report(message, "is a frame union, so it has to consist of exactly one oneof");
  return message.oneofs[0];
}

function checkFrameField(field: DescField, oneof: DescOneof | undefined, report: Report): void {
  if (field.fieldKind !== "message") report(field, "is a frame, so it has to be a message");
  if (field.oneof !== oneof) report(field, `is a frame, so it belongs into the oneof ${oneof?.name ?? ""}`);
  if (field.name === reservedName)
    report(field, `"${reservedName}" is what dispatch calls a frame that it does not know`);
}

function toKind(field: DescField): FrameKind {
  return { number: field.number, name: field.name, comment: commentOf(field) };
}

function toClientKind(field: DescField, serverNames: ReadonlySet<string> | undefined, report: Report): ClientFrameKind {
  const reply = hasOption(field, options.reply) ? getOption(field, options.reply) : undefined;
  if (reply !== undefined && serverNames?.has(reply) === false) {
    report(field, `(reply) = "${reply}" names no server frame`);
  }
  return { ...toKind(field), reply, phase: phaseOf(field, report) };
}

function phaseOf(field: DescField, report: Report): ClientFrameKind["phase"] {
  const phase = getOption(field, options.phase);
  if (options.Phase[phase] === undefined) report(field, `(phase) = ${phase} is unknown to this generator`);
  return phase === options.Phase.ANY ? "any" : "ready";
}

function refuseFrameOptions(field: DescField, report: Report): void {
  if (hasOption(field, options.reply)) report(field, "has (reply), but only client frames are answered");
  if (hasOption(field, options.phase)) report(field, "has (phase), but only client frames are legal or not");
}
