import { once } from "node:events";
import WebSocket from "ws";

/** A process seen through its inspector: it need not know that it is looked at. */
export interface Inspector extends Disposable {
  /** Everything that can be collected is, weak references included. */
  collectGarbage(): Promise<void>;
  /** `process.memoryUsage()` of its main thread, in bytes. */
  memoryUsage(): Promise<NodeJS.MemoryUsage>;
  /** The heap as V8 writes it (`.heapsnapshot`), JSON in pieces. Takes seconds and, for a while, a multiple of the heap. */
  heapSnapshot(): Promise<readonly string[]>;
}

type Reply = Readonly<{ id: number; result?: unknown; error?: { message: string } }>;
type Notice = Readonly<{ method: string; params: { chunk?: string } }>;

/**
 * @param port where a process listens that was started with `--inspect`.
 * @throws Error if it does not answer.
 */
export async function openInspector(port: number): Promise<Inspector> {
  const list = await fetch(`http://127.0.0.1:${port}/json/list`, { headers: { connection: "close" } });
  const [target] = (await list.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "", { perMessageDeflate: false });
  await once(socket, "open");
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let chunks: string[] = [];
  let calls = 0;

  socket.on("message", (data) => {
    const message = JSON.parse(String(data)) as Reply | Notice;
    if ("method" in message) return void chunks.push(message.params.chunk ?? "");
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) call?.reject(new Error(message.error.message));
    else call?.resolve(message.result as never);
  });
  socket.on("error", () => socket.close());
  socket.on("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the inspected process has ended"));
  });

  function call<Result>(method: string, params: object = {}): Promise<Result> {
    const id = ++calls;
    return new Promise<Result>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params }));
    });
  }

  return {
    collectGarbage: () => call("HeapProfiler.collectGarbage"),
    async memoryUsage() {
      const evaluated = { expression: "process.memoryUsage()", returnByValue: true };
      const { result } = await call<{ result: { value: NodeJS.MemoryUsage } }>("Runtime.evaluate", evaluated);
      return result.value;
    },
    async heapSnapshot() {
      chunks = [];
      await call("HeapProfiler.takeHeapSnapshot", { captureNumericValue: true });
      const taken = chunks;
      chunks = [];
      return taken;
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}
