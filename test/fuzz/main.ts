import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import type { FuzzSummary } from "./engine/run.js";
import { type Outcome, watch } from "./engine/watch.js";
import type { Order } from "./engine/worker.js";
import { fuzzHelp, parseFuzzOptions } from "./options.js";
import { findUnreached, reachFromInputs } from "./reach.js";
import { connectionMaxBytes, toFailureText, toProgressLine, toSummaryText } from "./report.js";

const progressEveryMs = 2_000;

/** Returns an exit code: 1 if something went wrong or was never reached. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const command = parseFuzzOptions(argv, String(Math.floor(Math.random() * 2 ** 32)));
  if (command.kind === "help") return print(fuzzHelp);
  const { order } = command;
  if (order.kind === "run") progress(`seed ${order.seed}`);
  return tell(order, await watch({ order, signal, progress: createProgress(order) }));
}

function createProgress(order: Order): (summary: FuzzSummary) => void {
  const startMs = performance.now();
  const all = order.kind === "run" ? order.inputs : 0;
  let saidAtMs = startMs;
  return (summary) => {
    const nowMs = performance.now();
    if (nowMs - saidAtMs < progressEveryMs) return;
    saidAtMs = nowMs;
    progress(toProgressLine(summary, all, nowMs - startMs));
  };
}

function tell(order: Order, outcome: Outcome): number {
  switch (outcome.kind) {
    case "replayed":
      if (!outcome.failure) return print("nothing went wrong\n");
      return print(`${outcome.failure.side}: ${outcome.failure.reason}\n`, 1);
    case "lost":
      return print(toFailureText(order.seed, toFailure(outcome), { inputs: [outcome.input], bytes: outcome.bytes }), 1);
    case "failed":
      print(toSummaryText(outcome.summary));
      return print(`\n${toFailureText(order.seed, outcome.failure, outcome.shrunk)}`, 1);
    case "stopped":
      return print(`${toSummaryText(outcome.summary)}\nstopped; seed ${order.seed}\n`, 130);
    case "passed":
      print(toSummaryText(outcome.summary));
      return judge(order.seed, outcome);
  }
}

function judge(seed: string, { summary, connectionBytes }: Outcome & { kind: "passed" }): number {
  const unreached = summary.inputs < reachFromInputs ? [] : findUnreached(summary.counts);
  print(`\na connection holds ${connectionBytes} bytes\n`);
  if (unreached.length > 0) return print(`FAILED: never reached: ${unreached.join("; ")}; seed ${seed}\n`, 1);
  if (connectionBytes > connectionMaxBytes) return print(`FAILED: it may hold ${connectionMaxBytes}\n`, 1);
  return print(`passed; seed ${seed}\n`);
}

function toFailure({ input, bytes, reason }: Outcome & { kind: "lost" }) {
  return { side: "any" as const, input, bytes, reason, rule: "the thread goes on" };
}

function print(text: string, code = 0): number {
  process.stdout.write(text);
  return code;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): number {
  const isUsage = error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT;
  const help = isUsage ? "\n\nnpm run fuzz -- --help tells what there is" : "";
  progress(`fuzz: ${error instanceof Error ? error.message : String(error)}${help}`);
  return isUsage ? 2 : 1;
}

/** The first signal ends it with a summary, a second one at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error("interrupted"));
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
process.exitCode = await main(process.argv.slice(2), interrupted.signal).catch(explain);
process.exit();
