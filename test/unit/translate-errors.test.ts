import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ErrorCode, ErrorDetailSchema } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createLogger } from "../../runtime/log.js";
import { translateErrors } from "../../services/translate-errors.js";

/** What a caller sees, and what the log says, when a handler throws. */
async function callThatThrows(thrown: unknown) {
  const lines: string[] = [];
  const log = createLogger({ level: "trace", format: "json", write: (line) => void lines.push(line) });
  const transport = createRouterTransport((router) => {
    const fail = () => {
      throw thrown;
    };
    router.service(AccountService, { login: fail }, { interceptors: [translateErrors(log)] });
  });
  const error = await createClient(AccountService, transport)
    .login({})
    .catch((seen: unknown) => seen);
  assert.ok(error instanceof ConnectError);
  const [detail] = error.findDetails(ErrorDetailSchema);
  return { error, detail, log: lines.join("") };
}

describe("errors on their way to a caller", () => {
  it("carry the Connect code of the error table, their own code and text, and the time to wait", async () => {
    const thrown = new TidewireError(ErrorCode.RATE_LIMITED, "too many attempts", { retryAfterMs: 1_500.2 });
    const { error, detail, log } = await callThatThrows(thrown);
    assert.equal(error.code, Code.ResourceExhausted);
    assert.equal(error.rawMessage, "too many attempts");
    assert.equal(detail?.code, ErrorCode.RATE_LIMITED);
    assert.equal(detail.retryAfterMs, 1_501);
    assert.equal(error.metadata.get("retry-after"), "2");
    assert.equal(log, "", "what a caller did wrong is no business of the log");
  });

  it("ask for no wait where none helps", async () => {
    const { error, detail } = await callThatThrows(new TidewireError(ErrorCode.UNKNOWN_USER, "no such user"));
    assert.equal(error.code, Code.NotFound);
    assert.equal(detail?.retryAfterMs, 0);
    assert.equal(error.metadata.get("retry-after"), null);
  });

  for (const thrown of [new Error("a detail of ours"), new TidewireError(ErrorCode.INTERNAL, "a detail of ours")]) {
    it(`tell the caller nothing of a ${thrown.name} that was not foreseen, and the log everything`, async () => {
      const { error, detail, log } = await callThatThrows(thrown);
      assert.equal(error.code, Code.Internal);
      assert.equal(detail?.code, ErrorCode.INTERNAL);
      assert.ok(!error.message.includes("a detail of ours"));
      assert.match(log, /request failed/);
      assert.match(log, /a detail of ours/);
      assert.match(log, /"method":"Login"/);
    });
  }

  it("say unavailable when the database refused a connection", async () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 10.1.2.3:5432"), { code: "ECONNREFUSED" });
    const { error, detail } = await callThatThrows(refused);
    assert.equal(error.code, Code.Unavailable);
    assert.equal(detail?.code, ErrorCode.UNAVAILABLE);
    assert.ok((detail?.retryAfterMs ?? 0) > 0);
    assert.ok(!error.message.includes("10.1.2.3"));
  });

  it("of Connect's own stay as they are", async () => {
    const { error } = await callThatThrows(new ConnectError("not this way", Code.Unimplemented));
    assert.equal(error.code, Code.Unimplemented);
    assert.equal(error.rawMessage, "not this way");
  });
});
