import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type Outcome, watch } from "../fuzz/engine/watch.js";
import { findUnreached } from "../fuzz/reach.js";
import { connectionMaxBytes, toFailureText } from "../fuzz/report.js";

const inputs = 100_000;
/** Any will do: `npm run fuzz` takes another each time. */
const seed = "20250601";

describe(`what a gateway and a client are sent, ${inputs} times,`, () => {
  let outcome: Outcome;

  before(async () => {
    outcome = await watch({ order: { kind: "run", seed, inputs } });
  });

  function passed(): Outcome & { kind: "passed" } {
    if (outcome.kind === "failed") assert.fail(toFailureText(seed, outcome.failure, outcome.shrunk));
    if (outcome.kind !== "passed") assert.fail(JSON.stringify(outcome));
    return outcome;
  }

  it("throws nothing, hangs nothing, grows nothing, and harms no other connection", () => {
    assert.equal(passed().summary.inputs, inputs);
  });

  it("reaches every frame in every state, and every error and close code", () => {
    assert.deepEqual(findUnreached(passed().summary.counts), []);
  });

  it("leaves a connection within its share of memory", () => {
    assert.ok(passed().connectionBytes < connectionMaxBytes, `${passed().connectionBytes} bytes`);
  });
});
