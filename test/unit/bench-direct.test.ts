import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseBenchCommand } from "../../tools/bench/command.js";
import { summarizeLatencies } from "../../tools/bench/direct/direct-result.js";
import type { Holding } from "../../tools/bench/generator/log-follower.js";
import { machineUs } from "../../tools/bench/generator/machine-clock.js";
import { keepPace, sharePace } from "../../tools/bench/generator/pacemaker.js";
import { takeTurns } from "../../tools/bench/generator/turns.js";
import { dealOut } from "../../tools/bench/stage/crew.js";
import { compareLogs } from "../../tools/bench/stage/durable-logs.js";
import { type Found, judge } from "../../tools/bench/stage/verdict.js";

function holding(changes: Partial<Holding> = {}): Holding {
  const counts = { applied: 3, repeated: 0, misnumbered: 0, lost: 0, altered: 0 };
  return { holder: "user 1", conversationId: 7n, ...counts, digest: "abc", problems: [], ...changes };
}

describe("the pace of a load generator", () => {
  it("takes every step once, in order, and none before it is due", async () => {
    const pace = { startUs: machineUs() + 20_000, intervalUs: 400, steps: 50 };
    const early: number[] = [];
    const steps: number[] = [];
    await keepPace(pace, (index, dueUs) => {
      steps.push(index);
      if (machineUs() < dueUs || dueUs !== pace.startUs + index * 400) early.push(index);
    }).done;
    assert.deepEqual(steps, [...Array(50).keys()]);
    assert.deepEqual(early, []);
  });

  it("takes no more steps once it is stopped, and tells how many it took", async () => {
    let taken = 0;
    const paced = keepPace({ startUs: machineUs(), intervalUs: 400, steps: 1_000_000 }, () => {
      if (++taken === 3) paced.stop();
    });
    const steps = await paced.done;
    assert.equal(steps, taken);
    assert.ok(steps < 1_000_000);
  });

  it("fails if a step does", async () => {
    const pace = { startUs: machineUs(), intervalUs: 400, steps: 5 };
    const fail = () => {
      throw new Error("a step failed");
    };
    await assert.rejects(keepPace(pace, fail).done, /a step failed/);
  });

  it("is shared among processes without a step lost or doubled", () => {
    const paces = sharePace({ startUs: 1_000, intervalUs: 10, steps: 7 }, 3);
    const dueUs = paces.flatMap(({ startUs, intervalUs, steps }) =>
      Array.from({ length: steps }, (_, index) => startUs + index * intervalUs),
    );
    assert.deepEqual(
      dueUs.toSorted((one, other) => one - other),
      [1_000, 1_010, 1_020, 1_030, 1_040, 1_050, 1_060],
    );
  });
});

describe("the turns of pairs", () => {
  it("give everybody one, and nobody a second one before all others had theirs", () => {
    const pairs = [
      ["a", "b"],
      ["c", "d"],
      ["e", "f"],
    ] as const;
    const turns = takeTurns(pairs, () => 0.4);
    assert.deepEqual(turns.slice(0, 3).toSorted(), ["a", "c", "e"]);
    assert.deepEqual(turns.slice(3).toSorted(), ["b", "d", "f"]);
  });

  it("are dealt out to processes by whole pairs", () => {
    assert.deepEqual(dealOut([1, 2, 3, 4, 5], 2), [
      [1, 3, 5],
      [2, 4],
    ]);
  });
});

describe("the verdict on direct messages", () => {
  const found: Found = {
    sent: 3,
    acked: 3,
    holdings: [holding(), holding({ holder: "user 2" })],
    devicesPerMessage: 2,
    rows: { durableRows: 3, problems: [] },
    problems: [],
  };

  it("finds nothing wrong if both devices and the database have all in one order", () => {
    const { kind, verified } = judge(found);
    assert.equal(kind, "flawless");
    assert.deepEqual(verified, {
      sent: 3,
      acked: 3,
      delivered: 6,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      durable_rows: 3,
    });
  });

  const spoilt: Record<string, Partial<Found>> = {
    "a message that its sender does not know to be stored": { acked: 2 },
    "a message that a device did not get": { holdings: [holding(), holding({ applied: 2 })] },
    "a hole": { holdings: [holding(), holding({ lost: 1 })] },
    "a message that is in the log twice": { holdings: [holding(), holding({ misnumbered: 1 })] },
    "an order that is not the peer's": { holdings: [holding(), holding({ digest: "acb" })] },
    "a row that is missing": { rows: { durableRows: 2, problems: [] } },
    "what the database says": { rows: { durableRows: 3, problems: ["the delivered mark of user 1 is 2, not 3"] } },
    "what a device says": { holdings: [holding(), holding({ problems: ["user 2 got seq 9 after seq 7"] })] },
    "what a server says": { problems: ["user 1 was put off"] },
  };
  for (const [what, changes] of Object.entries(spoilt)) {
    it(`sees ${what}`, () => {
      assert.equal(judge({ ...found, ...changes }).kind, "flawed");
    });
  }
});

describe("the comparison of logs with the database", () => {
  it("counts rows once, though several devices hold them", () => {
    const verdict = compareLogs([holding(), holding({ holder: "user 2" })], [holding({ holder: "the database" })]);
    assert.deepEqual(verdict, { durableRows: 3, problems: [] });
  });

  it("names who holds another log, or one that is not there at all", () => {
    const others = [holding({ digest: "acb" }), holding({ conversationId: 8n, holder: "user 3" })];
    assert.deepEqual(compareLogs(others, [holding()]).problems, [
      "user 1 holds another log of conversation 7 than the database",
      "user 3 holds another log of conversation 8 than the database",
    ]);
  });
});

describe("the figures of direct messages", () => {
  it("are taken over all rounds", () => {
    const stretches = [1, 3].map((value) => ({
      ack: [{ value, count: 1 }],
      deliver: [{ value: 2 * value, count: 1 }],
    }));
    const { ack, deliver, histograms } = summarizeLatencies(stretches);
    assert.deepEqual([ack.p50, ack.max, deliver.p50, deliver.max], [1, 3, 2, 6]);
    assert.deepEqual(
      histograms.map(({ name, bars }) => [name, bars.reduce((sum, { count }) => sum + count, 0)]),
      [
        ["ack", 2],
        ["deliver", 2],
      ],
    );
  });
});

describe("the options of direct messages", () => {
  it("refuse a rate that the server's limit on a user would not let pass", () => {
    assert.throws(() => parseBenchCommand(["direct", "--pairs", "3", "--rate", "61"]), /--rate takes at most 60/);
    assert.throws(() => parseBenchCommand(["direct", "--pairs", "2", "--rate", "9", "--generators", "3"]), /--pairs/);
  });
});
