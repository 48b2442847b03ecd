import { readFile, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { invalid } from "./flags.js";
import type { BenchResult } from "./result.js";

/** @throws TidewireError `INVALID_ARGUMENT` that tells what to do if there is no such file, or no result in it. */
export async function readResult(file: string): Promise<BenchResult> {
  try {
    return parseResult(await readFile(file, "utf8"), file);
  } catch (cause) {
    if (cause instanceof TidewireError) throw cause;
    throw invalid(`cannot read ${file}: ${reasonOf(cause)}; name a file that --json has written`);
  }
}

/**
 * The result that `text` holds, as far as reports rely on it.
 * @throws TidewireError `INVALID_ARGUMENT` that tells what to do if it is none.
 */
export function parseResult(text: string, file: string): BenchResult {
  const result = parseJson(text, file) as Partial<BenchResult> | null;
  const { scenario, settings, machine, versions, rounds } = result ?? {};
  const isResult =
    typeof scenario === "string" && [settings, machine, versions].every(isObject) && Array.isArray(rounds);
  if (!isResult || !rounds.every(isObject))
    throw invalid(`${file} is JSON, but no result of a benchmark; name a file that --json has written`);
  if (rounds.length === 0) throw invalid(`${file} has no rounds; name a file that --json has written`);
  return result as BenchResult;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`${file} is not JSON: ${reasonOf(cause)}; name a file that --json has written`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** @throws TidewireError `FORBIDDEN` if the system does not let it be written. */
export async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new TidewireError(ErrorCode.FORBIDDEN, `cannot write ${file}: ${reasonOf(cause)}`, { cause });
  }
}

/** `results.json` with `embedded` becomes `results.embedded.json`. */
export function insertName(file: string, name: string): string {
  const ending = extname(file);
  return `${file.slice(0, file.length - ending.length)}.${name}${ending}`;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
