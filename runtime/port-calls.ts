import type { MessagePort, TransferListItem } from "node:worker_threads";

/** What is done on request at the other end of a port. Arguments and results travel as structured clones. */
export type PortHandlers = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/** Calls the handlers at the other end. A call rejects if its handler throws, and when the port is closed. */
export type PortCaller = (
  name: string,
  args: readonly unknown[],
  transfer?: readonly TransferListItem[],
) => Promise<never>;

type Message =
  | Readonly<{ kind: "call"; id: number; name: string; args: readonly unknown[] }>
  | Readonly<{ kind: "result"; id: number; result: unknown }>
  | Readonly<{ kind: "failure"; id: number; reason: string }>;

type Waiting = { resolve(result: never): void; reject(error: Error): void };

/**
 * Lets both ends of a port call one another.
 * @param handlers what this end does for the other one.
 */
export function openPortCalls(port: MessagePort, handlers: PortHandlers): PortCaller {
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  let isClosed = false;

  async function answer(id: number, name: string, args: readonly unknown[]): Promise<Message> {
    try {
      const handler = handlers[name];
      if (!handler) throw new Error(`there is no call ${name}`);
      return { kind: "result", id, result: await handler(...(args as never[])) };
    } catch (error) {
      return { kind: "failure", id, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  function settle(message: Message & { kind: "result" | "failure" }) {
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === "result") call?.resolve(message.result as never);
    else call?.reject(new Error(message.reason));
  }

  port.on("message", async (message: Message) => {
    if (message.kind === "call") port.postMessage(await answer(message.id, message.name, message.args));
    else settle(message);
  });
  port.on("close", () => {
    isClosed = true;
    for (const { reject } of waiting.values()) reject(new Error("the other end is gone"));
    waiting.clear();
  });

  return (name, args, transfer = []) =>
    new Promise((resolve, reject) => {
      if (isClosed) return reject(new Error("the other end is gone"));
      const id = ++calls;
      waiting.set(id, { resolve, reject });
      port.postMessage({ kind: "call", id, name, args } satisfies Message, transfer);
    });
}
