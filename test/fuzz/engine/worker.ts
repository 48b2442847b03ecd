import { parentPort, workerData } from "node:worker_threads";
import { runInMacrotask } from "../../sim/engine/microtasks.js";
import { measureRetention } from "../gateway/retention.js";
import { createBoard } from "./board.js";
import { type FuzzEnd, type FuzzSummary, replay, runFuzz } from "./run.js";
import { episodeOf, type Failure, inputsOf } from "./run-episode.js";
import { sides } from "./sides.js";

/** The thread that fuzzes. It is watched by another, for nothing within a thread can tell that it hangs. */

export type Order =
  | { kind: "run"; seed: string; inputs: number }
  /** @property before `with`: after those inputs of its world that came before the last one. */
  | {
      kind: "replay";
      seed: string;
      only: readonly number[];
      before: "with" | "without";
      bytes: Uint8Array | undefined;
    };

export type Said =
  | { kind: "progress"; summary: FuzzSummary }
  | { kind: "end"; end: FuzzEnd; connectionBytes: number }
  | { kind: "replayed"; failure: Failure | undefined };

const { order, memory } = workerData as { order: Order; memory: SharedArrayBuffer };
const progressEveryMs = 500;

const board = createBoard(memory);
const say = (said: Said) => parentPort?.postMessage(said);
await runInMacrotask(() => (order.kind === "run" ? run(order) : again(order)));

function run({ seed, inputs }: Order & { kind: "run" }) {
  let saidAtMs = performance.now();
  const end = runFuzz({
    seed,
    inputs,
    sides,
    note: board.note,
    progress(summary) {
      board.beat();
      if (performance.now() - saidAtMs > progressEveryMs) {
        saidAtMs = performance.now();
        say({ kind: "progress", summary });
      }
      return board.isStopped ? "stop" : "go on";
    },
  });
  say({ kind: "end", end, connectionBytes: end.kind === "passed" ? measureRetention(seed, board.beat) : 0 });
}

function again({ seed, only, before, bytes }: Order & { kind: "replay" }) {
  const last = only.at(-1) ?? 0;
  const inputs = before === "with" ? inputsOf(episodeOf(last)).filter((input) => input <= last) : only;
  say({ kind: "replayed", failure: replay({ seed, sides, note: board.note }, inputs, bytes) });
}
