import { Worker } from "node:worker_threads";
import { createBoard } from "./board.js";
import type { FuzzEnd, FuzzSummary } from "./run.js";
import type { Failure } from "./run-episode.js";
import type { Order, Said } from "./worker.js";

export type Outcome =
  | (FuzzEnd & { connectionBytes: number })
  | { kind: "replayed"; failure: Failure | undefined }
  /** The thread hung, ran out of memory, or died, at this input. */
  | { kind: "lost"; input: number; bytes: Uint8Array; reason: string };

export type WatchOptions = Readonly<{
  order: Order;
  signal?: AbortSignal;
  /** Called now and then. */
  progress?: (summary: FuzzSummary) => void;
}>;

/** No input, no world and no garbage collection takes so long, however busy the machine is. */
const hangMs = 30_000;
const lookEveryMs = 250;
/** Far more than is needed: what is held for ever runs into it. */
const heapMaxMb = 512;

/** Fuzzes in a thread of its own, and watches it. Never rejects for what the thread does. */
export function watch({ order, signal, progress }: WatchOptions): Promise<Outcome> {
  const board = createBoard();
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: { order, memory: board.memory },
    resourceLimits: { maxOldGenerationSizeMb: heapMaxMb },
  });
  return new Promise((resolve) => {
    const lost = (reason: string) => finish({ kind: "lost", input: board.input, bytes: board.bytes, reason });
    const watchdog = startWatchdog(
      () => board.beats,
      () => lost(`it hangs: nothing has happened for ${hangMs / 1_000} s`),
    );
    const stop = () => board.stop();
    signal?.addEventListener("abort", stop, { once: true });

    function finish(outcome: Outcome) {
      watchdog[Symbol.dispose]();
      signal?.removeEventListener("abort", stop);
      resolve(outcome);
      void worker.terminate();
    }

    worker.on("message", (said: Said) => {
      if (said.kind === "progress") progress?.(said.summary);
      else if (said.kind === "end") finish({ ...said.end, connectionBytes: said.connectionBytes });
      else finish(said);
    });
    worker.on("error", (error: Error) => lost(`its thread died: ${error.stack ?? error.message}`));
    worker.on("exit", (code) => lost(`its thread ended with code ${code}`));
  });
}

function startWatchdog(beats: () => number, onHang: () => void): Disposable {
  let seen = -1;
  let quietMs = 0;
  const timer = setInterval(() => {
    quietMs = beats() === seen ? quietMs + lookEveryMs : 0;
    seen = beats();
    if (quietMs >= hangMs) onHang();
  }, lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
