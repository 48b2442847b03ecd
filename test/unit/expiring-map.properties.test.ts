import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createExpiringMap } from "../../runtime/expiring-map.js";

const entriesMax = 5;
const key = fc.nat(7);

const commands = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("set" as const), key, lifeMs: fc.integer({ min: -5, max: 60 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("sweep" as const) }) },
  ),
  { maxLength: 80, size: "max" },
);

type Line = { key: number; value: number; expiresMs: number };

describe("expiring map, beside a list with the oldest first,", () => {
  it("holds, hides and drops the same", () => {
    fc.assert(
      fc.property(commands, (sequence) => {
        const map = createExpiringMap<number, number>({ entriesMax });
        let lines: Line[] = [];
        let nowMs = 0;
        for (const [value, command] of sequence.entries()) {
          switch (command.kind) {
            case "set":
              lines = [
                ...lines.filter((line) => line.key !== command.key),
                { key: command.key, value, expiresMs: nowMs + command.lifeMs },
              ];
              lines = lines.slice(-entriesMax);
              map.set(command.key, value, nowMs + command.lifeMs);
              break;
            case "delete":
              lines = lines.filter((line) => line.key !== command.key);
              map.delete(command.key);
              break;
            case "wait":
              nowMs += command.ms;
              break;
            case "sweep":
              lines = lines.filter(({ expiresMs }) => expiresMs > nowMs);
              map.sweep(nowMs);
          }
          const alive = lines.filter(({ expiresMs }) => expiresMs > nowMs);
          assert.deepEqual(
            [...map.entries(nowMs)],
            alive.map((line) => [line.key, line.value]),
          );
          for (let each = 0; each <= 7; each++)
            assert.equal(map.get(each, nowMs), alive.find((line) => line.key === each)?.value);
          assert.equal(map.size, lines.length);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
