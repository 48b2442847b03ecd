import { writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError, unreachable } from "../../runtime/error.js";
import { runAckCost } from "./acks/ack-cost.js";
import { toAckCostReport } from "./acks/ack-cost-report.js";
import { summarizeProfiles } from "./figures/cpu-profile.js";
import type { Window } from "./generator/generator-calls.js";
import { runGroup } from "./group/group.js";
import { toReport, toVerification } from "./group/report.js";
import { type BenchOptions, benchHelp, type Engine, parseBenchOptions } from "./options.js";
import type { Outcome } from "./outcome.js";
import { runPaced } from "./paced/paced.js";
import { toPacedReport } from "./paced/paced-report.js";
import { runSlowReader } from "./slow-reader/slow-reader.js";
import { toSlowReaderReport } from "./slow-reader/slow-reader-report.js";
import { describeMachine } from "./stage/machine.js";
import type { StageDeps } from "./stage/stage.js";

/** Returns an exit code: 1 if a message was not as it should be, or if the benchmark could not run. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const command = parseBenchOptions(argv);
  if (command.kind === "help") return print(benchHelp);
  const { options } = command;
  const machine = describeMachine();
  let code = 0;
  for (const engine of options.engines) {
    code = Math.max(code, await runScenario(engine, options, { machine, signal, progress }));
  }
  return code;
}

async function runScenario(engine: Engine, options: BenchOptions, deps: StageDeps): Promise<number> {
  switch (options.scenario) {
    case "group": {
      const outcome = await runGroup(engine, options, deps);
      const code = await tell(outcome, toReport, engine, options);
      if (outcome.kind === "measured") await printProfiles(options.profileDirectory, outcome.windows);
      return code;
    }
    case "paced":
      return tell(await runPaced(engine, options, deps), toPacedReport, engine, options);
    case "acks":
      return tell(await runAckCost(engine, options, deps), toAckCostReport, engine, options);
    case "slow-reader":
      return tell(await runSlowReader(engine, options, deps), toSlowReaderReport, engine, options);
    default:
      return unreachable(options);
  }
}

async function tell<Result>(
  outcome: Outcome<Result>,
  toText: (result: Result) => string,
  engine: Engine,
  options: BenchOptions,
): Promise<number> {
  if (outcome.kind === "flawed") {
    const problems = outcome.problems.map((problem) => `  ${problem}`);
    return print(
      ["", `${engine}: FAILED, there is no result`, `  ${toVerification(outcome.verified)}`, ...problems, ""].join(
        "\n",
      ),
      1,
    );
  }
  print(`\n${toText(outcome.result)}\n`);
  if (options.jsonFile !== undefined) await writeJson(jsonFileOf(options.jsonFile, engine, options), outcome.result);
  return 0;
}

async function printProfiles(directory: string | undefined, windows: readonly Window[]): Promise<void> {
  if (directory === undefined) return;
  for (const name of ["server", "generator"]) print(await summarizeProfiles(join(directory, name), windows));
}

/** One result a file: with two databases, each file is named after its own. */
function jsonFileOf(file: string, engine: Engine, { engines }: BenchOptions): string {
  if (engines.length === 1) return file;
  const ending = extname(file);
  return `${file.slice(0, file.length - ending.length)}.${engine}${ending}`;
}

async function writeJson(file: string, result: unknown): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
    progress(`wrote ${file}`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidewireError(ErrorCode.FORBIDDEN, `cannot write the results: ${reason}`, { cause });
  }
}

function print(text: string, code = 0): number {
  process.stdout.write(text);
  return code;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): number {
  if (interrupted.signal.aborted) return 130;
  const isUsage = error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT;
  const help = isUsage ? "\n\nnpm run bench -- --help tells what there is" : "";
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}${help}\n`);
  return isUsage ? 2 : 1;
}

/** The first signal stops everything in order, a second one at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  progress("stopping");
  interrupted.abort(new Error("interrupted"));
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
const code = await main(process.argv.slice(2), interrupted.signal).catch(explain);
process.exit(interrupted.signal.aborted ? 130 : code);
