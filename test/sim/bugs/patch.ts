/** A stretch of a file: `before`, as it stands there, becomes `after`. Lines without their ends. */
export type Hunk = Readonly<{ before: readonly string[]; after: readonly string[] }>;

/** What a patch does to one file that exists. */
export type FileChange = Readonly<{ path: string; hunks: readonly Hunk[] }>;

export type Applied = { kind: "changed"; text: string } | { kind: "misfit"; why: string };

/**
 * Reads a unified diff, as `git diff` writes it, that changes files and neither adds, removes nor renames any.
 * @throws Error that says what is wrong with it.
 */
export function parsePatch(diff: string): FileChange[] {
  const sections = diff.split(/^diff --git .*\n/m).slice(1);
  if (sections.length === 0) throw new Error("no line begins with `diff --git`");
  return sections.map(parseSection);
}

/** Line numbers are not looked at: a hunk goes where its lines are, and they must be in one place only. */
export function applyChange(source: string, { path, hunks }: FileChange): Applied {
  let lines = source.split("\n");
  for (const [index, { before, after }] of hunks.entries()) {
    const places = placesOf(before, lines);
    const [place, ...more] = places;
    if (place === undefined || more.length > 0) {
      return { kind: "misfit", why: `hunk ${index + 1} fits into ${places.length} places of ${path}, not into one` };
    }
    lines = [...lines.slice(0, place), ...after, ...lines.slice(place + before.length)];
  }
  return { kind: "changed", text: lines.join("\n") };
}

function parseSection(section: string): FileChange {
  const [head = "", ...rest] = section.split(/^@@ .*\n/m);
  const path = /^\+\+\+ b\/(.+)$/m.exec(head)?.[1];
  if (path === undefined || !head.includes(`--- a/${path}\n`)) throw new Error("a file of it is not merely changed");
  if (rest.length === 0) throw new Error(`nothing changes in ${path}`);
  return { path, hunks: rest.map((body) => parseHunk(path, body)) };
}

function parseHunk(path: string, body: string): Hunk {
  // Editors take the blank away that stands for an empty line.
  const lines = body
    .replace(/\n+$/, "")
    .split("\n")
    .map((line) => line || " ");
  const alien = lines.find((line) => !/^[ +-]/.test(line));
  if (alien !== undefined) throw new Error(`a hunk of ${path} has a line that begins with none of " ", "+" and "-"`);
  const without = (sign: string) => lines.filter((line) => !line.startsWith(sign)).map((line) => line.slice(1));
  return { before: without("+"), after: without("-") };
}

/** Where all of `wanted` stands in a row. */
function placesOf(wanted: readonly string[], lines: readonly string[]): number[] {
  const places: number[] = [];
  for (let start = 0; start + wanted.length <= lines.length; start++) {
    if (wanted.every((line, offset) => lines[start + offset] === line)) places.push(start);
  }
  return places;
}
