import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import type { Terminal } from "../../tools/chat/terminal.js";
import { createPlainTerminal } from "../../tools/chat/terminal-plain.js";
import { createScreenTerminal } from "../../tools/chat/terminal-screen.js";
import { createFakeScreen } from "../support/fake-screen.js";

/** A terminal of 20 × 8 on which a chat has begun; typed lines gather in `typed`. */
async function screenWorld() {
  const screen = createFakeScreen(20, 8);
  const terminal = createScreenTerminal(screen.input, screen.output);
  const typed: string[] = [];
  const reading = gather(terminal, typed);
  await screen.settle();
  return { screen, terminal, typed, reading };
}

async function gather(terminal: Terminal, typed: string[]): Promise<void> {
  for await (const line of terminal.lines()) typed.push(line);
}

describe("a terminal for people", () => {
  it("gives the lines that are typed, and leaves none of them behind", async () => {
    const { screen, typed } = await screenWorld();
    await screen.type("hello\r");
    assert.deepEqual(typed, ["hello"]);
    assert.deepEqual(screen.rows(), [">"]);
  });

  it("shows what arrives above the line that is being typed, which stays as it is", async () => {
    const { screen, terminal, typed } = await screenWorld();
    await screen.type("half a sen");
    terminal.print("bob: hi");
    assert.deepEqual(screen.rows(), ["bob: hi", "> half a sen"]);
    assert.equal(screen.cursor(), "1:12");
    await screen.type("tence\r");
    assert.deepEqual(typed, ["half a sentence"]);
  });

  it("does so, too, when the typed line has grown over several rows", async () => {
    const { screen, terminal, typed } = await screenWorld();
    await screen.type("a line that does not fit into one row");
    terminal.print("bob: hi");
    terminal.print("bob: this one is longer than a row");
    assert.deepEqual(screen.rows(), [
      "bob: hi",
      "bob: this one is lon",
      "ger than a row",
      "> a line that does n",
      "ot fit into one row",
    ]);
    await screen.type("\r");
    assert.deepEqual(typed, ["a line that does not fit into one row"]);
    assert.equal(screen.rows().at(-1), ">");
  });

  it("changes own messages in their place", async () => {
    const { screen, terminal } = await screenWorld();
    terminal.printOwn(1, "ann: one …");
    terminal.printOwn(2, "ann: two …");
    terminal.print("bob: hi");
    await screen.type("typing");
    terminal.settleOwn(2, "ann: two ✓");
    terminal.settleOwn(1, "ann: one ✗ it is a very long story");
    assert.deepEqual(screen.rows(), ["ann: one ✗ it is a v", "ery long story", "ann: two ✓", "bob: hi", "> typing"]);
    assert.equal(screen.cursor(), "4:8");
  });

  it("repeats an own message whose place has left the screen", async () => {
    const { screen, terminal } = await screenWorld();
    terminal.printOwn(1, "ann: one …");
    for (let line = 1; line <= 9; line += 1) terminal.print(`line ${line}`);
    terminal.settleOwn(1, "ann: one ✓");
    assert.deepEqual(screen.rows().slice(-3), ["line 9", "ann: one ✓", ">"]);
    assert.equal(screen.rows().filter((row) => row.startsWith("ann")).length, 1);
  });

  it("counts rows of wide characters and of texts of several lines", async () => {
    const { screen, terminal } = await screenWorld();
    terminal.printOwn(1, "ann: 你好你好你好你好 …");
    terminal.print("one\ntwo");
    terminal.settleOwn(1, "done");
    assert.deepEqual(screen.rows(), ["done", "one", "two", ">"]);
  });

  it("changes the prompt without touching what is typed", async () => {
    const { screen, terminal, typed } = await screenWorld();
    await screen.type("text");
    terminal.setPrompt("(offline) bob> ");
    assert.deepEqual(screen.rows(), ["(offline) bob> text"]);
    await screen.type("s\r");
    assert.deepEqual(typed, ["texts"]);
    assert.deepEqual(screen.rows(), ["(offline) bob>"]);
  });

  it("ends with Ctrl-C, with Ctrl-D and when closed, and leaves a clean last row", async () => {
    for (const end of ["\u0003", "\u0004", "close"]) {
      const { screen, terminal, reading } = await screenWorld();
      terminal.print("bob: hi");
      if (end === "close") terminal.close();
      else await screen.type(end);
      await reading;
      terminal.close();
      assert.deepEqual(screen.rows(), ["bob: hi"]);
    }
  });

  it("asks for a password without showing it", async () => {
    const screen = createFakeScreen(40, 8);
    const terminal = createScreenTerminal(screen.input, screen.output);
    const answer = terminal.ask("Password: ", "hidden");
    await screen.type("secx\u007fret\r");
    assert.equal(await answer, "secret");
    assert.deepEqual(screen.rows(), ["Password:"]);
    const none = terminal.ask("Password: ", "hidden");
    await screen.type("abc\u0003");
    assert.equal(await none, undefined);
  });

  it("asks for a name and shows it", async () => {
    const screen = createFakeScreen(40, 8);
    const terminal = createScreenTerminal(screen.input, screen.output);
    const answer = terminal.ask("Name: ", "shown");
    await screen.settle();
    await screen.type("ann\r");
    assert.equal(await answer, "ann");
    assert.deepEqual(screen.rows(), ["Name: ann"]);
  });
});

describe("a terminal for scripts", () => {
  it("reads answers, then lines, and prints plain lines", async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const terminal = createPlainTerminal({ input, output });
    input.end("secret\nhello\n\nlast");
    assert.equal(await terminal.ask("Password: ", "hidden"), "secret");
    const lines: string[] = [];
    for await (const line of terminal.lines()) lines.push(line);
    assert.deepEqual(lines, ["hello", "", "last"]);
    terminal.setPrompt("bob> ");
    terminal.print("bob: hi");
    terminal.printOwn(1, "ann: one …");
    terminal.settleOwn(1, "ann: one ✗ no");
    assert.equal(String(output.read()), "bob: hi\nann: one ✗ no\n");
    assert.equal(await terminal.ask("More? ", "shown"), undefined);
  });
});
