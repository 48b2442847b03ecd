import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createLogger, type LogOptions } from "../../runtime/log.js";

function capture(options: Partial<LogOptions> = {}) {
  let output = "";
  const write = (line: string) => {
    output += line;
  };
  const log = createLogger({ level: "trace", format: "json", colour: "never", write, ...options });
  return {
    log,
    output: () => output,
    lines: () =>
      output
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
  };
}

/** As a caller that the type checker does not watch. */
const anything = (fields: object) => fields as Record<string, never>;

describe("logger", () => {
  it("writes message, level and allowlisted fields, ids as strings", () => {
    const { log, lines } = capture();
    log.info({ userId: 2n ** 62n, messages: 3, users: [1n, 2n] }, "something happened");
    const [{ time, ...line }] = lines();
    assert.ok(Date.parse(time) > 0);
    assert.deepEqual(line, {
      level: "info",
      userId: "4611686018427387904",
      messages: 3,
      users: ["1", "2"],
      msg: "something happened",
    });
  });

  it("names the fields that it drops, without their values", () => {
    const { log, lines } = capture();
    log.info(anything({ flavour: "canary", seq: 1n }), "hello");
    const [{ time: _, ...line }] = lines();
    assert.deepEqual(line, { level: "info", seq: "1", droppedFields: ["flavour"], msg: "hello" });
  });

  it("writes nothing below its level", () => {
    const { log, output } = capture({ level: "warn" });
    log.info({}, "quiet");
    assert.equal(output(), "");
    log.warn({}, "loud");
    assert.match(output(), /loud/);
  });

  it("adds a child's fields to each line", () => {
    const { log, lines } = capture();
    log.child({ gateway: "g1" }).warn({ port: 80 }, "hello");
    assert.equal(lines()[0].gateway, "g1");
    assert.equal(lines()[0].port, 80);
  });

  it("writes an error's name, code, message and causes", () => {
    const { log, lines } = capture();
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    log.error({ err: new TidewireError(ErrorCode.UNAVAILABLE, "the database is down", { cause }) }, "failed");
    const { err } = lines()[0];
    assert.equal(err.name, "TidewireError");
    assert.equal(err.message, "the database is down");
    assert.equal(err.cause.code, "ECONNREFUSED");
  });

  it("bounds what one line can hold", () => {
    const { log, output } = capture();
    const endless = new Error("x".repeat(1_000_000));
    endless.cause = endless;
    log.error({ err: endless, reason: "y".repeat(1_000_000), users: new Array(1_000_000).fill(1n) }, "big");
    assert.ok(output().length < 30_000, String(output().length));
  });

  for (const format of ["json", "pretty"] as const)
    it(`never lets a canary out, wherever it hides (${format})`, () => {
      const canary = "canary-3f9a77";
      const { log, output } = capture({ format, secrets: [canary] });
      const token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5LWJ5LXNpZ25hdHVyZQ";
      const error = Object.assign(new Error(`login with ${token} failed`), {
        query: "insert into account values ($1)",
        parameters: [canary],
        detail: canary,
      });
      log.info(anything({ password: canary, token, body: canary, authorization: `Bearer ${canary}` }), "odd fields");
      log.info(anything({ user: { userId: canary } }), "a nested object");
      log.info(anything({ reason: { password: canary } }), "an object under an allowed name");
      log.info(anything({ users: [{ token: canary }, [canary]] }), "objects in a list");
      log.info({ reason: `postgres://tidewire:${canary}@db.example/tidewire` }, "in a URL");
      log.info({ reason: encodeURIComponent(canary) }, "encoded");
      log.error({ err: error }, "in an error");
      log.error({ err: new Error("outer", { cause: error }) }, "in a cause");
      log.error({ err: { password: canary } }, "a thrown object");
      log.error({ err: new Error("Bearer abcdefgh12345678") }, "a bearer");
      log.error({ err: new Error(`{"password":"hunter2hunter2"}`) }, "a quoted body");
      log.child(anything({ token: canary, sessionId: canary })).info({}, "in a child");
      assert.ok(output().includes("in a child"));
      for (const secret of [canary, token, "Y2FuYXJ5", "abcdefgh12345678", "hunter2", "insert into account"])
        assert.ok(!output().includes(secret), `${secret} got out:\n${output()}`);
    });

  it("removes credentials from URLs even if it was not told of them", () => {
    const { log, output } = capture();
    log.info({ reason: "postgres://someone:something@db.example/tidewire" }, "hello");
    assert.match(output(), /postgres:\/\/\[secret\]@db\.example/);
  });

  it("writes for people one line, and the stack below it", () => {
    const { log, output } = capture({ format: "pretty" });
    log.warn({ port: 8080, reason: "two words" }, "the port is busy");
    assert.match(output(), /^\d\d:\d\d:\d\d warn {2}the port is busy port=8080 reason="two words"\n$/);
    log.error({ err: new Error("outer", { cause: new Error("inner") }) }, "failed");
    assert.match(output(), /failed\n {4}Error: outer\n {4}at [\s\S]*\n {4}because: Error: inner/);
  });
});
