import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bug, parseBug } from "../sim/bugs/bug.js";
import { parseBugsOptions, UsageError } from "../sim/bugs/options.js";
import { applyChange, parsePatch } from "../sim/bugs/patch.js";
import { toLine, toMarkdown, toSummary } from "../sim/bugs/report.js";
import type { Trial, Verdict } from "../sim/bugs/try-bug.js";

const diff = `diff --git a/one.ts b/one.ts
--- a/one.ts
+++ b/one.ts
@@ -2,3 +2,3 @@
 b
-c
+C
 d
`;

const header = `mistake: it is wrong,
  and in two lines
breaks: the promise of c
caught-by: sim --seeds 400
caught-by: test gateway-lane

`;

const bug = parseBug("wrong", header + diff);

describe("a patch of a bug", () => {
  const apply = (source: string) => parsePatch(diff).map((change) => applyChange(source, change));

  it("changes lines wherever they are now", () => {
    assert.deepEqual(apply("x\ny\na\nb\nc\nd\n"), [{ kind: "changed", text: "x\ny\na\nb\nC\nd\n" }]);
  });

  it("fits nowhere if its lines are gone, or are there twice", () => {
    const misfit = (places: number) => ({
      kind: "misfit",
      why: `hunk 1 fits into ${places} places of one.ts, not into one`,
    });
    assert.deepEqual(apply("a\nb\nd\n"), [misfit(0)]);
    assert.deepEqual(apply("b\nc\nd\nb\nc\nd\n"), [misfit(2)]);
  });

  it("may have several hunks, and change several files", () => {
    const two = `${diff}@@ -9 +9,2 @@\n y\n+z\n${diff.replaceAll("one.ts", "two.ts")}`;
    const [one, other, ...more] = parsePatch(two);
    assert.deepEqual([one?.path, one?.hunks.length, other?.path, other?.hunks.length], ["one.ts", 2, "two.ts", 1]);
    assert.deepEqual(more, []);
    assert.ok(one);
    assert.deepEqual(applyChange("b\nc\nd\ny\n", one), { kind: "changed", text: "b\nC\nd\ny\nz\n" });
  });

  it("may have lost the blanks of its empty lines", () => {
    const [change] = parsePatch(diff.replace(" b\n", "\n"));
    assert.ok(change);
    assert.deepEqual(applyChange("a\n\nc\nd\n", change), { kind: "changed", text: "a\n\nC\nd\n" });
  });

  it("only changes files: none comes or goes", () => {
    for (const text of [
      "",
      "no diff",
      diff.replace("--- a/one.ts", "--- /dev/null"),
      diff.replace("+++ b/one.ts", "+++ /dev/null"),
    ])
      assert.throws(() => parsePatch(text));
    assert.throws(() => parsePatch(diff.replace(" d\n", "d\n")), /begins with none of/);
  });
});

describe("a seeded bug", () => {
  it("tells its mistake, what that breaks, and what catches it", () => {
    assert.equal(bug.mistake, "it is wrong, and in two lines");
    assert.equal(bug.breaks, "the promise of c");
    assert.deepEqual(bug.catchers, [
      { kind: "sim", seeds: 400 },
      { kind: "test", part: "gateway-lane" },
    ]);
  });

  it("is refused if a part is missing, or one that nobody knows is there", () => {
    const without = (line: RegExp) => () => parseBug("x", header.replace(line, "") + diff);
    assert.throws(without(/^mistake: .*\n {2}.*\n/m), /mistake/);
    assert.throws(without(/^breaks: .*\n/m), /breaks/);
    assert.throws(without(/^caught-by: .*\n/gm), /caught-by/);
    assert.throws(() => parseBug("x", `${header}caught-by: luck\n${diff}`), /nothing is called "luck"/);
    assert.throws(() => parseBug("x", `${header}color: red\n${diff}`), /color: red/);
  });
});

describe("the command line of the seeded bugs", () => {
  const known = [bug, { ...bug, name: "worse" }];
  const named = (...argv: string[]) => {
    const command = parseBugsOptions(argv, known);
    return command.kind === "run" ? command.options.bugs.map(({ name }) => name) : command.kind;
  };

  it("takes parts of names, or none for all", () => {
    assert.deepEqual(named(), ["wrong", "worse"]);
    assert.deepEqual(named("rong"), ["wrong"]);
    assert.equal(named("--help"), "help");
    assert.equal(named("--list"), "list");
  });

  it("says what is wrong with it", () => {
    const says = (pattern: RegExp, ...argv: string[]) =>
      assert.throws(
        () => parseBugsOptions(argv, known),
        (error) => error instanceof UsageError && pattern.test(error.message),
      );
    says(/did you mean wrong/, "wrng");
    says(/--jobs takes a whole number from 1 to 16, not "0"/, "--jobs", "0");
    says(/--hunts takes/, "--hunts", "many");
    says(/--speed/, "--speed", "9");
  });
});

describe("the report of the seeded bugs", () => {
  const trial = (verdict: Verdict, of: Bug = bug): Trial => ({ bug: of, verdict, durationMs: 1_500 });
  const sim = { catcher: { kind: "sim", seeds: 400 }, by: "seed 7: 1. no", seeds: [90, 7, 20] } as const;
  const test = { catcher: { kind: "test", part: "gateway-lane" }, by: "a lane › keeps order", seeds: [] } as const;
  const caught = trial({ kind: "caught", catches: [sim, test] });
  const missed = trial({ kind: "missed", why: "test x is green" }, { ...bug, name: "worse" });
  const unfit = trial({ kind: "unfit", why: "it does not compile:\nmany lines" }, { ...bug, name: "worst" });

  it("shows what went red after how much", () => {
    assert.equal(
      toLine(caught),
      "✔ wrong  sim after 20 seeds (7–90): seed 7: 1. no; gateway-lane after 1 test file: a lane › keeps order  (1.5 s)",
    );
  });

  it("names those that were not caught, and those that proved nothing", () => {
    assert.equal(toSummary([caught, missed, unfit]), "1 of 3 bugs caught; NOT caught: worse; proved nothing: worst\n");
  });

  it("has a row for each catcher in Markdown", () => {
    const rows = toMarkdown([caught, missed, unfit]).trimEnd().split("\n").slice(2);
    assert.deepEqual(rows, [
      "| `wrong` | it is wrong, and in two lines | the promise of c | sim: seed 7: 1. no | 20 seeds (7–90) | 1.5 s |",
      "|  |  |  | gateway-lane: a lane › keeps order | 1 test file |  |",
      "| `worse` | it is wrong, and in two lines | the promise of c | **missed**: test x is green |  | 1.5 s |",
      "| `worst` | it is wrong, and in two lines | the promise of c | **unfit**: it does not compile: |  | 1.5 s |",
    ]);
  });
});
