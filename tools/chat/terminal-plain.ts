import { createInterface } from "node:readline";
import { createLineQueue } from "./line-queue.js";
import type { Terminal, TerminalStreams } from "./terminal.js";

/** For scripts and pipes: plain lines, each printed once, own messages when they have their place in the log. */
export function createPlainTerminal({ input, output }: TerminalStreams): Terminal {
  const queue = createLineQueue();
  const reader = createInterface({ input, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
  reader.on("line", queue.push);
  reader.on("close", queue.end);
  return {
    style: "log",
    ask: queue.next,
    async *lines() {
      for (let line = await queue.next(); line !== undefined; line = await queue.next()) yield line;
    },
    print: (text) => void output.write(`${text}\n`),
    printOwn() {},
    settleOwn: (_key, settled) => void output.write(`${settled}\n`),
    setPrompt() {},
    close: () => reader.close(),
  };
}
