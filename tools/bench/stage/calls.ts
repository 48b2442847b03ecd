import type { ChildProcess } from "node:child_process";

/** What a child process does on request. Arguments and results travel as structured clones: bigints and bytes pass. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** Calls a child's handlers. A call rejects if its handler throws, and when the child ends. */
export type Caller<Served extends Handlers> = <Name extends keyof Served & string>(
  name: Name,
  argument: Parameters<Served[Name]>[0],
) => Promise<Awaited<ReturnType<Served[Name]>>>;

type Request = Readonly<{ id: number; name: string; argument: unknown }>;
type Answer = Readonly<{ id: number; result: unknown }> | Readonly<{ id: number; problem: string }>;

/** In the parent. `child` was forked with `serialization: "advanced"`. */
export function createCaller<Served extends Handlers>(child: ChildProcess, name: string): Caller<Served> {
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let calls = 0;

  child.on("message", (answer: Answer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("problem" in answer) call?.reject(new Error(answer.problem));
    else call?.resolve(answer.result as never);
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`the ${name} ended early (${signal ?? `exit code ${code}`})`));
    waiting.clear();
  });

  return (handler, argument) =>
    new Promise((resolve, reject) => {
      if (!child.connected) return reject(new Error(`the ${name} has ended`));
      const request: Request = { id: ++calls, name: handler, argument };
      waiting.set(request.id, { resolve, reject });
      child.send(request, (error) => error && reject(error));
    });
}

/** In the child. Ends the process when the parent goes away. */
export function serveCalls(handlers: Handlers): void {
  process.on("message", async (request: Request) => {
    process.send?.(await answer(handlers, request));
  });
  process.on("disconnect", () => process.exit(0));
}

async function answer(handlers: Handlers, { id, name, argument }: Request): Promise<Answer> {
  try {
    const handler = handlers[name];
    if (!handler) throw new Error(`there is no call ${name}`);
    return { id, result: await handler(argument as never) };
  } catch (error) {
    return { id, problem: error instanceof Error ? error.message : String(error) };
  }
}
