import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runIdle } from "../../tools/bench/idle/idle.js";
import { depsOf } from "../support/bench.js";

describe("the benchmark of idle connections", () => {
  it("measures what connections take, looks into the heap, and verifies that all were there", async () => {
    const snapshotFile = join(tmpdir(), `tidewire-bench-${process.pid}.heapsnapshot`);
    const options = { connections: 300, rounds: 1, generators: 2, snapshotFile };
    const outcome = await runIdle(options, depsOf("postgresql"));
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, heap, verified } = outcome.result;
    assert.ok(
      rounds.every(({ connection }) => connection.heap_bytes > 500),
      JSON.stringify(rounds),
    );
    const session = heap?.find(({ what }) => what.startsWith("{state, identity, uplink"));
    assert.equal(session?.count, 1, "each connection has one session");
    assert.deepEqual(verified, { logins: 630, durable_epochs: 630, answered: 630 });
    assert.equal((await readFile(snapshotFile, "utf8")).slice(0, 12), '{"snapshot":');
    await rm(snapshotFile);
  });
});
