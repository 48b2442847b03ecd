import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FileChange, parsePatch } from "./patch.js";

/**
 * A mistake that somebody might make in the code that ships, as a patch, with what has to catch it. Before its diff a patch has
 * three kinds of lines, each of which may go on in lines that are indented:
 *
 *     mistake: what is wrong, in a sentence
 *     breaks: which invariant or promise that breaks
 *     caught-by: sim --seeds 400
 *     caught-by: test store-races
 *
 * With several catchers, each has to catch it.
 */
export type Bug = Readonly<{
  /** Of its file, without the ending. */
  name: string;
  mistake: string;
  breaks: string;
  catchers: readonly Catcher[];
  changes: readonly FileChange[];
}>;

/** A layer of proof that has to go red. */
export type Catcher =
  /** The simulator, within so many seeds. */
  | { kind: "sim"; seeds: number }
  /** A test file whose path contains `part`. */
  | { kind: "test"; part: string };

/** Where patches lie, below the project's root. */
const folder = "test/sim/bugs";

/** All bugs, by name. @throws Error that names the patch that cannot be read. */
export function readBugs(root: string): Bug[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith(".patch"));
  return files.sort().map((file) => {
    const text = readFileSync(join(root, folder, file), "utf8");
    try {
      return parseBug(file.slice(0, -".patch".length), text);
    } catch (cause) {
      throw new Error(`${folder}/${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  });
}

/** @throws Error that says what is wrong with it. */
export function parseBug(name: string, text: string): Bug {
  const start = text.search(/^diff --git /m);
  const header = parseHeader(start < 0 ? text : text.slice(0, start));
  const [mistake, breaks] = [header.get("mistake"), header.get("breaks")];
  if (mistake?.length !== 1 || breaks?.length !== 1) throw new Error("it has one line `mistake:` and one `breaks:`");
  const catchers = header.get("caught-by")?.map(parseCatcher) ?? [];
  if (catchers.length === 0) throw new Error("no line `caught-by:` says what catches it");
  return { name, mistake: mistake.join(), breaks: breaks.join(), catchers, changes: parsePatch(text) };
}

export function formatCatcher(catcher: Catcher): string {
  return catcher.kind === "sim" ? `sim --seeds ${catcher.seeds}` : `test ${catcher.part}`;
}

function parseHeader(header: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const line of header.replace(/\n[ \t]+/g, " ").split("\n")) {
    if (line.trim() === "") continue;
    const [, key, value] = /^(mistake|breaks|caught-by): (.+)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) throw new Error(`its header has the line ${JSON.stringify(line)}`);
    fields.set(key, [...(fields.get(key) ?? []), value.trim()]);
  }
  return fields;
}

function parseCatcher(text: string): Catcher {
  const seeds = /^sim --seeds (\d+)$/.exec(text)?.[1];
  if (seeds !== undefined && Number(seeds) > 0) return { kind: "sim", seeds: Number(seeds) };
  const part = /^test (\S+)$/.exec(text)?.[1];
  if (part !== undefined) return { kind: "test", part };
  throw new Error(`nothing is called ${JSON.stringify(text)}; there are \`sim --seeds N\` and \`test PART\``);
}
