import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clearExtension, clearField, create, type MessageInitShape, setExtension } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Type, FieldDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import * as options from "../../gen/ts/tidewire/v1/options_pb.js";
import { generate } from "../../tools/protoc-gen-tidewire/plugin.js";
import { type ContractFiles, createContractFiles } from "../support/contract-files.js";

function setError(files: ContractFiles, path: string, meaning: MessageInitShape<typeof options.ErrorMeaningSchema>) {
  const whole = create(options.ErrorMeaningSchema, { advice: "Do this.", connectCode: "internal", ...meaning });
  setExtension(files.valueOptions(path), options.error, whole);
}

function setClose(files: ContractFiles, path: string, advice: string) {
  setExtension(files.valueOptions(path), options.close, create(options.CloseMeaningSchema, { advice }));
}

/** Each entry: what is wrong, how to make it so, and the one line that the generator says. */
const flaws: [string, (files: ContractFiles) => void, string][] = [
  [
    "an error without a meaning",
    (files) => clearExtension(files.valueOptions("ErrorCode.ERROR_CODE_BUSY"), options.error),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_BUSY: has no (error), so nobody knows what it means",
  ],
  [
    "an error without advice",
    (files) => setError(files, "ErrorCode.ERROR_CODE_INTERNAL", { advice: "" }),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_INTERNAL: has no advice",
  ],
  [
    "advice of more bytes than an error frame holds",
    (files) => setError(files, "ErrorCode.ERROR_CODE_INTERNAL", { advice: `${"ü".repeat(100)}.` }),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_INTERNAL: advice has 201 bytes; at most 200 are allowed",
  ],
  [
    "advice that is no sentence",
    (files) => setError(files, "ErrorCode.ERROR_CODE_INTERNAL", { advice: "retry" }),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_INTERNAL: advice has to be one line ending in a full stop",
  ],
  [
    "a Connect code that Connect does not have",
    (files) => setError(files, "ErrorCode.ERROR_CODE_INTERNAL", { connectCode: "Internal" }),
    'tidewire/v1/error.proto: ErrorCode.ERROR_CODE_INTERNAL: connect_code "Internal" is not one of Connect\'s codes',
  ],
  [
    "an error that retrying cures and that consumes the client_id",
    (files) =>
      setError(files, "ErrorCode.ERROR_CODE_BUSY", { remedy: options.Remedy.RETRY_LATER, consumesClientId: true }),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_BUSY: is cured by retrying, so it must not consume the client_id",
  ],
  [
    "a remedy that the generator does not know",
    (files) => setError(files, "ErrorCode.ERROR_CODE_BUSY", { remedy: 9 as options.Remedy }),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_BUSY: remedy 9 is unknown to this generator",
  ],
  [
    "a meaning on the value for no error",
    (files) => setError(files, "ErrorCode.ERROR_CODE_UNSPECIFIED", {}),
    "tidewire/v1/error.proto: ErrorCode.ERROR_CODE_UNSPECIFIED: has (error), which belongs to the codes of ErrorCode",
  ],
  [
    "an error's meaning on a close code",
    (files) => setError(files, "CloseCode.CLOSE_CODE_BUSY", {}),
    "tidewire/v1/error.proto: CloseCode.CLOSE_CODE_BUSY: has (error), which belongs to the codes of ErrorCode",
  ],
  [
    "a close code without a meaning",
    (files) => clearExtension(files.valueOptions("CloseCode.CLOSE_CODE_BUSY"), options.close),
    "tidewire/v1/error.proto: CloseCode.CLOSE_CODE_BUSY: has no (close), so nobody knows what it means",
  ],
  [
    "advice of more bytes than a close frame holds",
    (files) => setClose(files, "CloseCode.CLOSE_CODE_BUSY", `${"a".repeat(120)}.`),
    "tidewire/v1/error.proto: CloseCode.CLOSE_CODE_BUSY: advice has 121 bytes; at most 120 are allowed",
  ],
  [
    "a close code outside the private range",
    (files) => {
      files.value("CloseCode.CLOSE_CODE_BUSY").number = 5000;
    },
    "tidewire/v1/error.proto: CloseCode.CLOSE_CODE_BUSY: close code 5000 is outside the private range 4000 to 4999",
  ],
  [
    "a reply that names no server frame",
    (files) => setExtension(files.fieldOptions("ClientFrame.sync"), options.reply, "sync_pages"),
    'tidewire/v1/frame.proto: ClientFrame.sync: (reply) = "sync_pages" names no server frame',
  ],
  [
    "a reply on a server frame",
    (files) => setExtension(files.fieldOptions("ServerFrame.push"), options.reply, "error"),
    "tidewire/v1/frame.proto: ServerFrame.push: has (reply), but only client frames are answered",
  ],
  [
    "a phase on a field that is no frame",
    (files) => setExtension(files.fieldOptions("Login.token"), options.phase, options.Phase.ANY),
    "tidewire/v1/frame.proto: Login.token: has (phase), but only client frames are legal or not",
  ],
  [
    "a phase that the generator does not know",
    (files) => setExtension(files.fieldOptions("ClientFrame.sync"), options.phase, 7 as options.Phase),
    "tidewire/v1/frame.proto: ClientFrame.sync: (phase) = 7 is unknown to this generator",
  ],
  [
    "a frame outside the oneof",
    (files) => {
      clearField(files.field("ServerFrame.error"), FieldDescriptorProtoSchema.field.oneofIndex);
    },
    "tidewire/v1/frame.proto: ServerFrame.error: is a frame, so it belongs into the oneof frame",
  ],
  [
    "a frame that is no message",
    (files) => {
      files.field("ServerFrame.error").type = FieldDescriptorProto_Type.UINT32;
    },
    "tidewire/v1/frame.proto: ServerFrame.error: is a frame, so it has to be a message",
  ],
  [
    "a frame by the name that dispatch keeps for itself",
    (files) => {
      files.field("ServerFrame.push").name = "unknown";
    },
    'tidewire/v1/frame.proto: ServerFrame.unknown: "unknown" is what dispatch calls a frame that it does not know',
  ],
  [
    "a second union for one direction",
    (files) => {
      setExtension(files.messageOptions("Login"), options.direction, options.Direction.CLIENT_TO_SERVER);
    },
    "tidewire/v1/frame.proto: Login: has (direction) = DIRECTION_CLIENT_TO_SERVER, as ClientFrame has: only one may",
  ],
  [
    "a direction without frames",
    (files) => clearExtension(files.messageOptions("ServerFrame"), options.direction),
    "no message has (direction) = DIRECTION_SERVER_TO_CLIENT: one has to be the union of these frames",
  ],
  [
    "a limit without a default",
    (files) => clearExtension(files.fieldOptions("Limits.in_flight_max"), options.default_limit),
    "tidewire/v1/frame.proto: Limits.in_flight_max: has no (default_limit) above 0",
  ],
  [
    "a limit that is no uint32",
    (files) => {
      files.field("Limits.in_flight_max").type = FieldDescriptorProto_Type.UINT64;
    },
    "tidewire/v1/frame.proto: Limits.in_flight_max: is a limit, so it has to be a uint32",
  ],
  [
    "a default on a field that is no limit",
    (files) => setExtension(files.fieldOptions("Heartbeat.client_time_ms"), options.default_limit, 5),
    "tidewire/v1/frame.proto: Heartbeat.client_time_ms: has (default_limit), which belongs to the fields of Limits",
  ],
  [
    "a size in bytes on a number",
    (files) => setExtension(files.fieldOptions("Heartbeat.client_time_ms"), options.max_bytes, 5),
    "tidewire/v1/frame.proto: Heartbeat.client_time_ms: has (max_bytes), which belongs to strings and bytes",
  ],
  [
    "a size of 0 bytes",
    (files) => setExtension(files.fieldOptions("Login.token"), options.max_bytes, 0),
    "tidewire/v1/frame.proto: Login.token: (max_bytes) has to be above 0",
  ],
  [
    "a number of items on a field that is not repeated",
    (files) => setExtension(files.fieldOptions("Login.token"), options.max_items, 5),
    "tidewire/v1/frame.proto: Login.token: has (max_items), which belongs to repeated fields",
  ],
  [
    "no items at all",
    (files) => setExtension(files.fieldOptions("Ack.cursors"), options.max_items, 0),
    "tidewire/v1/frame.proto: Ack.cursors: (max_items) has to be above 0",
  ],
  [
    "a method without an audience",
    (files) => clearExtension(files.methodOptions("AccountService.Login"), options.audience),
    "tidewire/v1/account.proto: AccountService.Login: has no (audience), so nobody knows who may call it",
  ],
];

describe("protoc-gen-tidewire, given a contract that breaks its own rules,", () => {
  for (const [name, spoil, problem] of flaws) {
    it(`refuses ${name}`, () => {
      const files = createContractFiles();
      spoil(files);
      const response = generate(files.request());
      assert.deepEqual(response.error.split("\n"), [problem]);
      assert.deepEqual(response.file, []);
    });
  }

  it("reports every problem at once", () => {
    const files = createContractFiles();
    setError(files, "ErrorCode.ERROR_CODE_INTERNAL", { advice: "" });
    setClose(files, "CloseCode.CLOSE_CODE_BUSY", "");
    clearExtension(files.methodOptions("AccountService.Login"), options.audience);
    assert.equal(generate(files.request()).error.split("\n").length, 3);
  });
});
