import { writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type BenchCommand, parseBenchCommand } from "./command.js";
import { summarizeProfiles } from "./figures/cpu-profile.js";
import { toVerification } from "./report/circumstances.js";
import type { BenchResult } from "./result.js";
import type { Engine, Flawed, Measured } from "./scenario.js";
import { describeMachine } from "./stage/machine.js";

/** Returns an exit code: 1 if a message was not as it should be, or if the benchmark could not run. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const command = parseBenchCommand(argv);
  if (command.kind === "help") return print(command.text);
  const machine = describeMachine();
  let code = 0;
  for (const engine of command.engines) {
    const outcome = await command.run({ engine, machine, signal, progress });
    if (outcome.kind === "flawed") code = tellFlaws(nameOf(command, engine), outcome);
    else await tellResult(outcome.result, command, engine);
    if (outcome.kind === "measured") await printProfiles(outcome.profile);
  }
  return code;
}

type Run = BenchCommand & { kind: "run" };

function nameOf({ scenario }: Run, engine: Engine): string {
  return scenario.needsDatabase ? engine : scenario.name;
}

function tellFlaws(name: string, { verified, problems }: Flawed): number {
  const sums = verified ? [`  ${toVerification(verified)}`] : [];
  const lines = ["", `${name}: FAILED, there is no result`, ...sums, ...problems.map((problem) => `  ${problem}`), ""];
  return print(lines.join("\n"), 1);
}

async function tellResult({ json, text }: { json: BenchResult; text: string }, command: Run, engine: Engine) {
  print(`\n${text}\n`);
  if (command.jsonFile !== undefined) await writeJson(fileOf(command.jsonFile, engine, command), json);
}

async function printProfiles(profile: Measured<unknown>["profile"]): Promise<void> {
  if (!profile) return;
  for (const name of ["server", "generator"])
    print(await summarizeProfiles(join(profile.directory, name), profile.windows));
}

/** One result a file: with two databases, each file is named after its own. */
function fileOf(file: string, engine: Engine, { engines }: Run): string {
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
