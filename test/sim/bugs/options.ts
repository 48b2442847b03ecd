import { parseArgs } from "node:util";
import { closestName } from "../../../runtime/suggest.js";
import type { Bug } from "./bug.js";

export type BugsOptions = Readonly<{
  bugs: readonly Bug[];
  /** Bugs that are tried at the same time, each in a copy of its own. */
  jobs: number;
  /** How often the simulator hunts a bug, each time through other seeds. */
  hunts: number;
  /** Where to write the table as Markdown, or undefined. */
  reportFile: string | undefined;
}>;

export type BugsCommand = { kind: "help" } | { kind: "list" } | { kind: "run"; options: BugsOptions };

export const bugsHelp = `npm run bugs [-- NAME… options]

Tries whether mistakes in the code that ships are caught. Each patch in test/sim/bugs/ is one plausible mistake, and
names what has to go red: the simulator within so many seeds, or a test. The tree as it stands is copied and built; it
has to be green in all those layers. Then each patch is applied to the copy, has to compile, and has to be caught.

  NAME              only bugs whose name contains this; several may be given

Options
  --jobs N          bugs at the same time, each in a copy of its own, 1 to 16 (default 1)
  --hunts N         hunts through different seeds for each bug that the simulator has to catch, 1 to 100 (default 1);
                    each of them has to end with the bug caught, and the table shows the median
  --report FILE     write the table as Markdown
  --list            show the bugs, and try none
  --help            this text

Exits with 1 if a bug was not caught, does not apply, or does not compile.
`;

export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads the command line. @throws UsageError that names the first thing that is wrong. */
export function parseBugsOptions(argv: readonly string[], known: readonly Bug[]): BugsCommand {
  const { values, positionals } = parse(argv);
  if (values.help) return { kind: "help" };
  if (values.list) return { kind: "list" };
  const options = {
    bugs: chooseBugs(positionals, known),
    jobs: parseCount("--jobs", values.jobs, 16),
    hunts: parseCount("--hunts", values.hunts, 100),
    reportFile: values.report,
  };
  return { kind: "run", options };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        jobs: { type: "string" },
        hunts: { type: "string" },
        report: { type: "string" },
        list: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause));
  }
}

function chooseBugs(parts: readonly string[], known: readonly Bug[]): readonly Bug[] {
  for (const part of parts) {
    if (known.some(({ name }) => name.includes(part))) continue;
    const names = known.map(({ name }) => name);
    const closest = closestName(part, names);
    const hint = closest === undefined ? "--list shows them all" : `did you mean ${closest}?`;
    throw new UsageError(`no bug has ${JSON.stringify(part)} in its name; ${hint}`);
  }
  return parts.length === 0 ? known : known.filter(({ name }) => parts.some((part) => name.includes(part)));
}

function parseCount(flag: string, text: string | undefined, max: number): number {
  if (text === undefined) return 1;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= max) return count;
  throw new UsageError(`${flag} takes a whole number from 1 to ${max}, not ${JSON.stringify(text)}`);
}
