import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  ATTEMPTS_MAX,
  beginRound,
  type Flow,
  hear,
  measure,
  newFlow,
  overdueAtMs,
} from "../../gateway/downlink/flow.js";
import { addSample, type RttEstimate, rtoMs } from "../../gateway/downlink/rtt.js";

/** What is left of a flow after rounds at these times, all of them in vain. */
function afterRounds(...atMs: number[]): Flow {
  return atMs.reduce((flow, nowMs) => beginRound(flow, nowMs)[0], newFlow);
}

describe("the retransmission timeout", () => {
  it("is a second before anything was measured", () => {
    assert.equal(rtoMs(undefined), 1_000);
  });

  it("is never less than a second, however fast a device is", () => {
    const fast = [5, 5, 5, 5].reduce<RttEstimate>(addSample, undefined);
    assert.equal(rtoMs(fast), 1_000);
  });

  it("follows RFC 6298: the first sample counts whole, with half of it as variation", () => {
    assert.deepEqual(addSample(undefined, 800), { srttMs: 800, rttvarMs: 400 });
    assert.equal(rtoMs(addSample(undefined, 800)), 800 + 4 * 400);
  });

  it("follows RFC 6298: later ones count an eighth, and a quarter for the variation from the old mean", () => {
    const second = addSample({ srttMs: 800, rttvarMs: 400 }, 1_600);
    assert.deepEqual(second, { srttMs: 900, rttvarMs: 500 });
    assert.equal(rtoMs(second), 2_900);
  });

  it("doubles with each attempt, up to a minute", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 20].map((attempts) => rtoMs(undefined, attempts)),
      [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000],
    );
  });

  it("stays between a second and a minute, whatever is measured", () => {
    const samples = fc.array(fc.nat(10_000_000), { maxLength: 30 });
    fc.assert(
      fc.property(samples, fc.nat(10), (rttsMs, attempts) => {
        const timeoutMs = rtoMs(rttsMs.reduce<RttEstimate>(addSample, undefined), attempts);
        assert.ok(timeoutMs >= 1_000 && timeoutMs <= 60_000);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("flow", () => {
  it("calls something overdue one timeout after it was sent", () => {
    assert.equal(overdueAtMs(newFlow, 5_000, 5_500), 6_000);
    assert.equal(overdueAtMs({ ...newFlow, rtt: { srttMs: 2_000, rttvarMs: 500 } }, 5_000, 5_500), 9_000);
  });

  it("begins the timeout anew when the device says something", () => {
    const flow = hear(newFlow, 5_700);
    assert.equal(overdueAtMs(flow, 5_000, 6_100), 6_700);
    assert.equal(overdueAtMs(flow, 6_000, 6_100), 7_000, "what was sent later is due later");
  });

  it("waits twice as long after each round, four rounds, and then has had enough", () => {
    let flow: Flow = newFlow;
    const rounds: [number, string][] = [];
    for (let nowMs = 1_000; rounds.length <= ATTEMPTS_MAX; nowMs = flow.quietUntilMs) {
      const [next, verdict] = beginRound(flow, nowMs);
      flow = next;
      rounds.push([nowMs, verdict]);
    }
    assert.deepEqual(rounds, [
      [1_000, "send"],
      [3_000, "send"],
      [7_000, "send"],
      [15_000, "send"],
      [31_000, "exhausted"],
    ]);
  });

  it("takes what is overdue in several conversations at about one time for one round", () => {
    const flow = afterRounds(1_000, 1_000, 1_002, 1_099);
    assert.equal(flow.attempts, 1);
    assert.equal(flow.quietUntilMs, 3_000);
    const spent = afterRounds(1_000, 3_000, 7_000, 15_000);
    assert.equal(beginRound(spent, 15_001)[1], "send", "also if it is the last one");
    assert.equal(afterRounds(1_000, 1_099, 1_100).attempts, 2, "it does not go on for ever");
  });

  it("is not quiet while a round goes on", () => {
    const flow = afterRounds(1_000);
    assert.equal(overdueAtMs(flow, 0, 1_001), 1_000);
    assert.equal(overdueAtMs(flow, 0, 1_100), 3_000);
    assert.equal(overdueAtMs(hear(flow, 1_001), 0, 1_002), 2_001, "unless the device says something meanwhile");
  });

  it("restarts the attempts when the device says something", () => {
    const flow = hear(afterRounds(1_000, 3_000, 7_000, 15_000), 16_000);
    const [next, verdict] = beginRound(flow, 17_000);
    assert.equal(verdict, "send");
    assert.equal(next.attempts, 1);
    assert.equal(next.quietUntilMs, 19_000);
  });

  it("keeps what it has measured when the device says something", () => {
    const measured = measure(newFlow, 0, 2_000);
    assert.deepEqual(hear(measured, 3_000).rtt, measured.rtt);
  });

  it("measures from sending to ack", () => {
    assert.deepEqual(measure(newFlow, 5_000, 5_400).rtt, { srttMs: 400, rttvarMs: 200 });
  });

  it("never measures what may have been sent twice, and what was sent after the round it does", () => {
    const flow = afterRounds(6_000);
    assert.equal(measure(flow, 5_000, 6_100).rtt, undefined);
    assert.equal(measure(flow, 6_000, 6_100).rtt, undefined, "it may have been part of the round");
    assert.equal(measure(afterRounds(6_000, 6_050), 6_050, 6_100).rtt, undefined, "which may have gone on");
    assert.deepEqual(measure(flow, 6_001, 6_101).rtt, { srttMs: 100, rttvarMs: 50 });
  });

  it("does not measure it after the device was heard either", () => {
    const flow = hear(afterRounds(6_000), 6_100);
    assert.equal(measure(flow, 5_000, 6_200).rtt, undefined);
  });
});
