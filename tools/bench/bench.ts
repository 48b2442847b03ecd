import { join } from "node:path";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type BenchCommand, type FileCommand, parseBenchCommand } from "./command.js";
import { compareResults } from "./compare/compare.js";
import { toComparisonReport } from "./compare/compare-report.js";
import { summarizeProfiles } from "./figures/cpu-profile.js";
import { toPage } from "./page/page.js";
import { toVerification } from "./report/circumstances.js";
import type { BenchResult } from "./result.js";
import { insertName, readResult, writeReport } from "./result-file.js";
import type { Engine, Flawed, Measured } from "./scenario.js";
import { describeMachine } from "./stage/machine.js";

/** Returns an exit code: 1 if a message was not as it should be, or if the benchmark could not run. */
async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const command = parseBenchCommand(argv);
  switch (command.kind) {
    case "help":
      return print(command.text);
    case "run":
      return measure(command, signal);
    default:
      return useFiles(command);
  }
}

/** For what is there already. */
async function useFiles(command: FileCommand): Promise<number> {
  if (command.kind === "compare") {
    const [before, after] = [await readResult(command.before), await readResult(command.after)];
    return print(toComparisonReport(compareResults(before, after)));
  }
  await write(command.htmlFile, toPage(await readResult(command.resultFile)));
  return 0;
}

type Run = BenchCommand & { kind: "run" };

async function measure(command: Run, signal: AbortSignal): Promise<number> {
  const machine = describeMachine();
  let code = 0;
  for (const engine of command.engines) {
    const { serverSettings, profileDirectory } = command;
    const outcome = await command.run({ engine, serverSettings, profileDirectory, machine, signal, progress });
    if (outcome.kind === "flawed") code = tellFlaws(nameOf(command, engine), outcome);
    else await tellResult(outcome.result, command, engine);
    if (outcome.kind === "measured") await printProfiles(profileDirectory, outcome);
  }
  return code;
}

function nameOf({ scenario }: Run, engine: Engine): string {
  return scenario.needsDatabase ? engine : scenario.name;
}

function tellFlaws(name: string, { verified, problems }: Flawed): number {
  const sums = verified ? [`  ${toVerification(verified)}`] : [];
  const lines = ["", `${name}: FAILED, there is no result`, ...sums, ...problems.map((problem) => `  ${problem}`), ""];
  return print(lines.join("\n"), 1);
}

async function tellResult(reported: { json: BenchResult; text: string }, command: Run, engine: Engine) {
  const { jsonFile, htmlFile, serverSettings } = command;
  const set = Object.entries(serverSettings).map(([name, value]) => `${name}=${value}`);
  print(`\n${reported.text}${set.length === 0 ? "" : `  the server was set to ${set.join(", ")}\n`}\n`);
  const json = { ...reported.json, settings: { ...reported.json.settings, server: serverSettings } };
  if (jsonFile !== undefined) await write(fileOf(jsonFile, engine, command), `${JSON.stringify(json, undefined, 2)}\n`);
  if (htmlFile !== undefined) await write(fileOf(htmlFile, engine, command), toPage(json));
}

async function printProfiles(directory: string | undefined, { windows }: Measured<unknown>): Promise<void> {
  if (directory === undefined) return;
  for (const name of ["server", "generator"]) print(await summarizeProfiles(join(directory, name), windows));
}

/** One result a file: with two databases, each file is named after its own. */
function fileOf(file: string, engine: Engine, { engines }: Run): string {
  return engines.length === 1 ? file : insertName(file, engine);
}

async function write(file: string, text: string): Promise<void> {
  await writeReport(file, text);
  progress(`wrote ${file}`);
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
