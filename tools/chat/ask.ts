import { createInterface } from "node:readline/promises";

/** Asks for a line on a terminal. `undefined` on Ctrl-C and Ctrl-D. */
export async function askShown(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  question: string,
): Promise<string | undefined> {
  const reader = createInterface({ input, output });
  const ended = new Promise<undefined>((resolve) => reader.once("close", () => resolve(undefined)));
  reader.once("SIGINT", () => reader.close());
  try {
    return await Promise.race([reader.question(question), ended]);
  } finally {
    reader.close();
  }
}

const enter = new Set(["\r", "\n"]);
const leave = new Set(["\u0003", "\u0004"]);
const erase = new Set(["\u007f", "\b"]);

/** Asks for a line that is not shown. `undefined` on Ctrl-C and Ctrl-D. */
export function askHidden(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  question: string,
): Promise<string | undefined> {
  output.write(question);
  return new Promise((resolve) => {
    let typed: string[] = [];
    const finish = (answer: string | undefined) => {
      input.off("data", onData);
      input.off("end", onEnd);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      resolve(answer);
    };
    const onData = (data: Buffer | string) => {
      for (const character of data.toString()) {
        if (enter.has(character)) return finish(typed.join(""));
        if (leave.has(character)) return finish(undefined);
        if (erase.has(character)) typed = typed.slice(0, -1);
        else if (character >= " ") typed.push(character);
      }
    };
    const onEnd = () => finish(undefined);
    input.setRawMode(true);
    input.on("data", onData);
    input.on("end", onEnd);
    input.resume();
  });
}
