import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import { askHidden, askShown } from "./ask.js";
import { createLineQueue } from "./line-queue.js";
import type { Terminal } from "./terminal.js";
import { textRows } from "./text-width.js";

type Shown = { key: number | undefined; text: string };

/** How many lines are remembered, so that those that are still on the screen can be changed. */
const shownMax = 200;

/**
 * For people: the line that is being typed stays at the bottom, whatever arrives is shown above it, and own messages
 * change in their place from "sending" to their outcome.
 */
export function createScreenTerminal(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Terminal {
  const queue = createLineQueue();
  let reader: Interface | undefined;
  let isClosed = false;
  let prompt = "> ";
  let shown: Shown[] = [];

  const columns = () => output.columns || 80;
  const rowsOf = (text: string) => textRows(text, columns());

  /** Goes to the top of the line that is being typed and wipes it. It comes back with `restore`. */
  function wipe(): void {
    cursorTo(output, 0);
    if (reader !== undefined) moveCursor(output, 0, -reader.getCursorPos().rows);
    clearScreenDown(output);
  }

  function restore(): void {
    if (reader === undefined) return;
    // Otherwise readline would go up by the rows that `wipe` has gone up already.
    Object.assign(reader, { prevRows: 0 });
    reader.prompt(true);
  }

  function show(entry: Shown): void {
    output.write(`${entry.text}\n`);
    shown.push(entry);
    if (shown.length > shownMax) shown = shown.slice(-shownMax);
  }

  /** The index of an entry that is still on the screen, and how far above the typed line it begins. */
  function find(key: number): { index: number; rows: number } | undefined {
    let rows = 0;
    for (let index = shown.length - 1; index >= 0; index -= 1) {
      const entry = shown[index];
      rows += rowsOf(entry?.text ?? "");
      if (rows >= (output.rows || 24)) return undefined;
      if (entry?.key === key) return { index, rows };
    }
    return undefined;
  }

  function print(text: string): void {
    wipe();
    for (const line of text.split("\n")) show({ key: undefined, text: line });
    restore();
  }

  /** Enter leaves the typed line behind; whatever it leads to is shown in its place. */
  function onLine(line: string): void {
    moveCursor(output, 0, -rowsOf(prompt + line));
    clearScreenDown(output);
    queue.push(line);
    restore();
  }

  async function* lines(): AsyncIterable<string> {
    if (isClosed) return;
    reader = createInterface({ input, output, prompt, historySize: 100 });
    reader.on("line", onLine);
    reader.on("close", queue.end);
    reader.on("SIGINT", () => reader?.close());
    reader.prompt();
    for (let line = await queue.next(); line !== undefined; line = await queue.next()) yield line;
  }

  return {
    style: "live",
    async ask(question, echo) {
      if (isClosed) return undefined;
      return echo === "hidden" ? askHidden(input, output, question) : askShown(input, output, question);
    },
    lines,
    print,
    printOwn(key, text) {
      wipe();
      show({ key, text });
      restore();
    },
    settleOwn(key, settled) {
      const place = find(key);
      if (place === undefined) return print(settled);
      wipe();
      moveCursor(output, 0, -place.rows);
      clearScreenDown(output);
      const following = shown.splice(place.index).slice(1);
      for (const entry of [{ key: undefined, text: settled }, ...following]) show(entry);
      restore();
    },
    setPrompt(next) {
      if (next === prompt) return;
      wipe();
      prompt = next;
      reader?.setPrompt(next);
      restore();
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      if (reader !== undefined) wipe();
      reader?.close();
      reader = undefined;
    },
  };
}
