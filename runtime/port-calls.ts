import type { MessagePort, TransferListItem, Worker } from "node:worker_threads";

/** What is done on request at one end of a port. Arguments and results travel as structured clones. */
export type PortHandlers = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/** One end of a port. */
export interface PortCalls {
  /** Has the other end do something. Rejects if its handler throws, and when the other end is gone. */
  call<Result>(name: string, args: readonly unknown[], transfer?: readonly TransferListItem[]): Promise<Result>;
  /** As `call`, without an answer: what its handler throws nobody catches. What is told and called arrives in order. */
  tell(name: string, args: readonly unknown[]): void;
  /** Resolves when the other end is gone. */
  readonly closed: Promise<void>;
}

type Message =
  | Readonly<{ kind: "call"; id: number; name: string; args: readonly unknown[] }>
  | Readonly<{ kind: "tell"; name: string; args: readonly unknown[] }>
  | Readonly<{ kind: "result"; id: number; result: unknown }>
  | Readonly<{ kind: "failure"; id: number; reason: string }>;

type Waiting = { resolve(result: never): void; reject(error: Error): void };

/** A result of which some memory changes hands and is not copied. */
export class Transferred {
  readonly result: unknown;
  readonly transfer: readonly TransferListItem[];
  constructor(result: unknown, transfer: readonly TransferListItem[]) {
    this.result = result;
    this.transfer = transfer;
  }
}

/**
 * Lets both ends of a port call one another.
 * @param port a port, or a thread as its parent sees it.
 * @param handlers what this end does for the other one.
 */
export function openPortCalls(port: MessagePort | Worker, handlers: PortHandlers): PortCalls {
  const waiting = new Map<number, Waiting>();
  let calls = 0;
  let isClosed = false;

  async function run(name: string, args: readonly unknown[]): Promise<unknown> {
    const handler = handlers[name];
    if (!handler) throw new Error(`there is no call ${name}`);
    return handler(...(args as never[]));
  }

  async function answer(id: number, name: string, args: readonly unknown[]) {
    try {
      const result = await run(name, args);
      const isMoved = result instanceof Transferred;
      const message: Message = { kind: "result", id, result: isMoved ? result.result : result };
      port.postMessage(message, isMoved ? result.transfer : []);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      port.postMessage({ kind: "failure", id, reason } satisfies Message);
    }
  }

  function settle(message: Message & { kind: "result" | "failure" }) {
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === "result") call?.resolve(message.result as never);
    else call?.reject(new Error(message.reason));
  }

  port.on("message", (message: Message) => {
    if (message.kind === "call") void answer(message.id, message.name, message.args);
    else if (message.kind === "tell")
      void run(message.name, message.args); // what it throws ends this thread, as it would at home
    else settle(message);
  });
  const closed = new Promise<void>((resolve) => {
    const close = () => {
      isClosed = true;
      for (const { reject } of waiting.values()) reject(new Error("the other end is gone"));
      waiting.clear();
      resolve();
    };
    port.on("close", close);
    port.on("exit", close);
  });

  return {
    call: <Result>(name: string, args: readonly unknown[], transfer: readonly TransferListItem[] = []) =>
      new Promise<Result>((resolve, reject) => {
        if (isClosed) return reject(new Error("the other end is gone"));
        const id = ++calls;
        waiting.set(id, { resolve, reject });
        port.postMessage({ kind: "call", id, name, args } satisfies Message, transfer);
      }),
    tell: (name, args) => port.postMessage({ kind: "tell", name, args } satisfies Message),
    closed,
  };
}
