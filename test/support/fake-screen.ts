import { PassThrough, Writable } from "node:stream";

/** A terminal of `columns` × `rows` that remembers what a person would see, and a keyboard. */
export interface FakeScreen {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  type(keys: string): Promise<void>;
  /** Lets what was typed and printed arrive. */
  settle(): Promise<void>;
  /** The rows that are not empty, from the top. */
  rows(): string[];
  /** Where the cursor stands, as "row:column", counted from the first row that is shown. */
  cursor(): string;
}

/** The control sequences that `node:readline` uses, and no others. Source: ECMA-48. */
const sequence = /^\p{Cc}\[(\d*)([A-Z])/u;

export function createFakeScreen(columns: number, rows: number): FakeScreen {
  const cells = Array.from({ length: rows }, () => Array<string>(columns).fill(" "));
  let row = 0;
  let column = 0;

  /** Terminals add the carriage return themselves (ONLCR), which Node leaves on. */
  function newLine(): void {
    column = 0;
    row += 1;
    if (row < rows) return;
    cells.shift();
    cells.push(Array<string>(columns).fill(" "));
    row = rows - 1;
  }

  function control(count: number, letter: string): void {
    if (letter === "A") row = Math.max(0, row - count);
    if (letter === "B") row = Math.min(rows - 1, row + count);
    if (letter === "C") column = Math.min(columns - 1, column + count);
    if (letter === "D") column = Math.max(0, column - count);
    if (letter === "G") column = count - 1;
    if (letter === "J" || letter === "K") cells[row]?.fill(" ", column);
    if (letter === "J") for (const below of cells.slice(row + 1)) below.fill(" ");
  }

  function put(character: string): void {
    if (character === "\r") column = 0;
    else if (character === "\n") newLine();
    else {
      const isWide = character >= "\u2e80";
      if (column + (isWide ? 2 : 1) > columns) newLine();
      cells[row]?.splice(column, isWide ? 2 : 1, ...(isWide ? [character, ""] : [character]));
      column += isWide ? 2 : 1;
    }
  }

  function write(text: string): void {
    for (let rest = text; rest.length > 0; ) {
      const found = sequence.exec(rest);
      if (found !== null) {
        control(Number(found[1] || 1), found[2] ?? "");
        rest = rest.slice(found[0].length);
        continue;
      }
      const [character = ""] = rest;
      put(character);
      rest = rest.slice(character.length);
    }
  }

  const output = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      write(chunk.toString());
      done();
    },
  });
  const input = new PassThrough();
  const settle = async () => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    input: Object.assign(input, { isTTY: true, setRawMode: () => input }) as unknown as NodeJS.ReadStream,
    output: Object.assign(output, { isTTY: true, columns, rows }) as unknown as NodeJS.WriteStream,
    async type(keys) {
      input.write(keys);
      await settle();
    },
    settle,
    rows: () => cells.map((line) => line.join("").trimEnd()).filter((line) => line !== ""),
    cursor: () => `${row}:${column}`,
  };
}
