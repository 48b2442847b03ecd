import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** One line of JSON from a test process, about one test or about the process. */
export type ReportLine =
  | { kind: "passed"; path: string[] }
  | { kind: "failed"; path: string[]; why: string }
  | { kind: "remark"; text: string }
  /** The last line. If it is missing, the process has ended before its tests. */
  | { kind: "end" };

/** What node:test sums up at the end, for which the runner has words of its own. */
const totals = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

/** A reporter for `node --test-reporter`. It runs in the test process, where errors are still whole. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  for await (const event of events) {
    if (event.type === "test:start") names[event.data.nesting] = event.data.name;
    const line = toLine(event, names);
    if (line) yield `${JSON.stringify(line)}\n`;
  }
  yield `${JSON.stringify({ kind: "end" } satisfies ReportLine)}\n`;
}

function toLine(event: TestEvent, names: readonly string[]): ReportLine | undefined {
  if (event.type === "test:diagnostic" && !totals.test(event.data.message))
    return { kind: "remark", text: event.data.message };
  if (event.type !== "test:pass" && event.type !== "test:fail") return undefined;
  const { nesting, name, details, skip, todo } = event.data;
  const path = [...names.slice(0, nesting), name];
  const isSuite = details.type === "suite";
  if (event.type === "test:fail") {
    const { error } = event.data.details;
    if (isSuite && "failureType" in error && error.failureType === "subtestsFailed") return undefined; // told one by one
    return { kind: "failed", path, why: inspect(unwrap(error), { depth: 6 }) };
  }
  if (isSuite) return undefined;
  if (skip !== undefined || todo !== undefined) return { kind: "failed", path, why: "skipped, which proves nothing" };
  return { kind: "passed", path };
}

/** node:test wraps what a test has thrown. */
function unwrap(error: Error): unknown {
  return "code" in error && error.code === "ERR_TEST_FAILURE" ? (error.cause ?? error) : error;
}
