import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stormFlags } from "../../tools/bench/storm/options.js";
import { runStorm } from "../../tools/bench/storm/storm.js";
import { toStormReport } from "../../tools/bench/storm/storm-report.js";
import { variants } from "../../tools/bench/storm/storm-stage.js";
import { depsOf, readWords } from "../support/bench.js";

const flags = "--devices 20 --members 8 --messages 30 --pairs 4 --rate 20 --rounds 1 --logins 10 --generators 2";

describe("the benchmark of a storm", () => {
  it("lets devices catch up page by page on both servers, and verifies what everybody has", async () => {
    const deps = { ...depsOf("postgresql"), serverSettings: { syncPageMax: "12" } };
    const outcome = await runStorm(readWords(stormFlags, flags), deps);
    assert.ok(outcome.kind === "measured", JSON.stringify(outcome));
    const { rounds, ratio, series, verified } = outcome.result;
    const [round] = rounds;
    assert.ok(round);
    for (const variant of variants) {
      const { storm_ms, caught_up, live_deliver, calm_deliver, event_loop_delay_p99_ms } = round[variant];
      assert.ok(caught_up.p50 > 0 && caught_up.p50 <= caught_up.max && caught_up.max <= storm_ms);
      assert.ok(live_deliver.p99 > 0 && calm_deliver.p99 > 0 && event_loop_delay_p99_ms > 0);
    }
    assert.equal(round.without.calls_here + round.without.calls_handed_over, 0, "nothing is placed without threads");
    assert.ok(round.with.calls_here + round.with.calls_handed_over >= 20 * 4, "heads, and three pages of each device");
    assert.equal(ratio.storm.median, round.with.storm_ms / round.without.storm_ms);
    assert.equal(series?.length, 4);
    const { sent, acked, delivered, lost, duplicated, reordered, durable_rows, synced, synced_rows } = verified;
    assert.deepEqual({ acked, delivered, durable_rows }, { acked: sent, delivered: 2 * sent, durable_rows: sent });
    assert.deepEqual({ lost, duplicated, reordered }, { lost: 0, duplicated: 0, reordered: 0 });
    assert.deepEqual({ synced, synced_rows }, { synced: 2 * 2 * 20 * 30, synced_rows: 2 * 3 * 30 });
    assert.match(toStormReport(outcome.result), /storm: 20 devices come at once and get 30 messages/);
  });

  it("refuses a number of threads that is set twice", async () => {
    const deps = { ...depsOf("postgresql"), serverSettings: { serviceThreads: "2" } };
    await assert.rejects(runStorm(readWords(stormFlags, flags), deps), /give --threads/);
  });
});
