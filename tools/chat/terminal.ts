/** How a chat talks to a person, or to a script. */
export interface Terminal {
  /** Asks for a line before the chat begins. `undefined`: there will be none. */
  ask(question: string, echo: "shown" | "hidden"): Promise<string | undefined>;
  /** What is typed from now on, line by line, until Ctrl-C, Ctrl-D or the end of the input. */
  lines(): AsyncIterable<string>;
  /** Shows a line above the one that is being typed. */
  print(text: string): void;
  /**
   * Shows an own message that is on its way, in place of the line that was just typed.
   * @param key Names it for `settleOwn`.
   */
  printOwn(key: number, text: string): void;
  /** Shows how an own message ended, in its place if that is still on the screen. `settled`: with its mark. */
  settleOwn(key: number, settled: string): void;
  /** Shows what stands before the line that is being typed. */
  setPrompt(prompt: string): void;
  /** `live`: own messages are shown at once; `log`: when they have their place, so that the output is the log. */
  readonly style: "live" | "log";
  close(): void;
}

/** Where a terminal reads and writes: as a rule, standard input and output. */
export type TerminalStreams = Readonly<{
  input: NodeJS.ReadStream | NodeJS.ReadableStream;
  output: NodeJS.WriteStream | NodeJS.WritableStream;
}>;
