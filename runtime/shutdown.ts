import { type Clock, sleep } from "./clock.js";
import type { Logger } from "./log.js";

/** Stops one part of the process. Ought to give up when `signal` is aborted, at its deadline. */
export type ShutdownStep = Readonly<{
  /** What is stopped, as a noun: "gateway". */
  name: string;
  /** How long it may take, in milliseconds. Then the next step begins all the same. */
  deadlineMs: number;
  run: (signal: AbortSignal) => Promise<void> | void;
}>;

/** `clean`: every step ended in time and without an error. */
export type ShutdownResult = "clean" | "incomplete";

/** Stops a process in order: what was started last is stopped first. */
export interface Shutdown {
  /** Adds a step; it runs before all those that were added earlier. Has no effect once shutdown has begun. */
  add(step: ShutdownStep): void;
  /** Runs the steps, one after another. Called again, it returns the same promise. Never rejects. */
  run(): Promise<ShutdownResult>;
  /** Aborted as soon as shutdown begins. */
  readonly begun: AbortSignal;
}

export function createShutdown({ clock, log }: { clock: Clock; log: Logger }): Shutdown {
  const steps: ShutdownStep[] = [];
  const begun = new AbortController();
  let running: Promise<ShutdownResult> | undefined;

  const runAll = async (): Promise<ShutdownResult> => {
    begun.abort();
    let result: ShutdownResult = "clean";
    for (const step of steps.reverse()) {
      const startMs = clock.monotonicMs();
      const outcome = await runStep(step, clock);
      const durationMs = Math.round(clock.monotonicMs() - startMs);
      if (outcome.kind === "done") log.info({ step: step.name, durationMs }, "stopped");
      if (outcome.kind === "failed") log.error({ step: step.name, err: outcome.error }, "not stopped properly");
      if (outcome.kind === "overdue") log.error({ step: step.name, durationMs }, "not stopped in time");
      if (outcome.kind !== "done") result = "incomplete";
    }
    return result;
  };

  return {
    begun: begun.signal,
    add(step) {
      if (!running) steps.push(step);
    },
    run() {
      running ??= runAll();
      return running;
    },
  };
}

type StepOutcome = { kind: "done" } | { kind: "overdue" } | { kind: "failed"; error: unknown };

async function runStep(step: ShutdownStep, clock: Clock): Promise<StepOutcome> {
  const deadline = new AbortController();
  const finished = new AbortController();
  const work = (async (): Promise<StepOutcome> => {
    await step.run(deadline.signal);
    return { kind: "done" };
  })().catch((error: unknown): StepOutcome => ({ kind: "failed", error }));
  const overdue = sleep(clock, step.deadlineMs, finished.signal).then(
    (): StepOutcome => ({ kind: "overdue" }),
    (): StepOutcome => ({ kind: "done" }), // nobody looks: the work has ended first
  );
  const outcome = await Promise.race([work, overdue]);
  finished.abort();
  if (outcome.kind === "overdue") deadline.abort(new Error(`${step.name} had ${step.deadlineMs} ms to stop`));
  return outcome;
}

/** What `stopOnSignals` needs of `process`. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): void;
}

/**
 * Runs `shutdown` at the first SIGINT or SIGTERM and then exits, with 0 if it was clean and 1 otherwise. A second signal
 * exits at once, as a shell expects: with 130 for SIGINT, 143 for SIGTERM.
 */
export function stopOnSignals(source: SignalSource, shutdown: Shutdown, log: Logger): void {
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  const stop = (signal: keyof typeof codes) => {
    if (shutdown.begun.aborted) {
      log.warn({ signal }, "second signal: exiting at once");
      return source.exit(codes[signal]);
    }
    log.info({ signal }, "stopping; once more to stop at once");
    void shutdown.run().then((result) => source.exit(result === "clean" ? 0 : 1));
  };
  source.on("SIGINT", () => stop("SIGINT"));
  source.on("SIGTERM", () => stop("SIGTERM"));
}
