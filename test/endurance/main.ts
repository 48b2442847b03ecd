import { writeFile } from "node:fs/promises";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { describeMachine } from "../../tools/bench/stage/machine.js";
import { enduranceHelp, parseEnduranceOptions } from "./options.js";
import { toReport } from "./report.js";
import { runEndurance } from "./run.js";

/** Returns an exit code: 1 if an invariant was broken, or if the run could not be brought to its end. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const command = parseEnduranceOptions(argv, Math.floor(Math.random() * 2 ** 32));
  if (command.kind === "help") {
    process.stdout.write(enduranceHelp);
    return 0;
  }
  const { options } = command;
  const { result, keptIn } = await runEndurance(options, { machine: describeMachine(), signal, progress });
  process.stdout.write(`\n${toReport(result)}\n`);
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(result, undefined, 2)}\n`);
  if (keptIn !== undefined) progress(`storages, notes and logs are kept in ${keptIn}`);
  return result.passed ? 0 : 1;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function explain(error: unknown): number {
  if (interrupted.signal.aborted) return 130;
  const isUsage = error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT;
  const help = isUsage ? "\n\nnpm run endurance -- --help tells what there is" : "";
  process.stderr.write(`endurance: ${error instanceof Error ? error.message : String(error)}${help}\n`);
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
