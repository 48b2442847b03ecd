import { once } from "node:events";
import WebSocket from "ws";

/** A process seen through its inspector: it need not know that it is looked at. */
export interface Inspector extends Disposable {
  /** Everything that can be collected is, in all of its threads, weak references included. */
  collectGarbage(): Promise<void>;
  /** `process.memoryUsage()`, in bytes: the heaps of all its threads, added up. */
  memoryUsage(): Promise<MemoryUsage>;
  /**
   * The heap of the main thread as V8 writes it (`.heapsnapshot`), JSON in pieces. Takes seconds and, for a while, a multiple of the
   * heap.
   */
  heapSnapshot(): Promise<readonly string[]>;
}

type MemoryUsage = Pick<NodeJS.MemoryUsage, "rss" | "heapUsed" | "heapTotal" | "external">;

/**
 * @param port where a process listens that was started with `--inspect`.
 * @throws Error if it does not answer.
 */
export async function openInspector(port: number): Promise<Inspector> {
  const list = await fetch(`http://127.0.0.1:${port}/json/list`, { headers: { connection: "close" } });
  const [target] = (await list.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "", { perMessageDeflate: false });
  await once(socket, "open");
  const main = createSession((text) => socket.send(text), heed);
  const threads = new Map<string, Session>();
  let chunks: string[] = [];

  /** Source: Node's own protocol for workers, domain NodeWorker. */
  function heed({ method, params: { chunk = "", sessionId = "", message = "" } }: Notice): void {
    if (method === "HeapProfiler.addHeapSnapshotChunk") chunks.push(chunk);
    if (method === "NodeWorker.attachedToWorker") threads.set(sessionId, openThread(sessionId));
    if (method === "NodeWorker.receivedMessageFromWorker") threads.get(sessionId)?.receive(message);
    if (method !== "NodeWorker.detachedFromWorker") return;
    threads.get(sessionId)?.fail("an inspected thread has ended");
    threads.delete(sessionId);
  }

  function openThread(sessionId: string): Session {
    const send = (message: string) =>
      void main
        .call("NodeWorker.sendMessageToWorker", { sessionId, message })
        .catch((error: Error) => thread.fail(error.message));
    const thread = createSession(send, () => {});
    return thread;
  }

  function callAll<Result>(method: string, params?: object): Promise<Result[]> {
    return Promise.all([main, ...threads.values()].map((session) => session.call<Result>(method, params)));
  }

  socket.on("message", (data) => main.receive(String(data)));
  socket.on("error", () => socket.close());
  socket.on("close", () => {
    for (const session of [main, ...threads.values()]) session.fail("the inspected process has ended");
  });
  await main.call("NodeWorker.enable", { waitForDebuggerOnStart: false });

  return {
    async collectGarbage() {
      await callAll("HeapProfiler.collectGarbage");
    },
    async memoryUsage() {
      const evaluated = { expression: "process.memoryUsage()", returnByValue: true };
      const answers = await callAll<{ result: { value: MemoryUsage } }>("Runtime.evaluate", evaluated);
      const usages = answers.map(({ result }) => result.value);
      const sum = (name: keyof MemoryUsage) => usages.reduce((total, usage) => total + usage[name], 0);
      const rss = Math.max(...usages.map((usage) => usage.rss)); // of the process, whichever thread is asked
      return { rss, heapUsed: sum("heapUsed"), heapTotal: sum("heapTotal"), external: sum("external") };
    },
    async heapSnapshot() {
      chunks = [];
      await main.call("HeapProfiler.takeHeapSnapshot", { captureNumericValue: true });
      const taken = chunks;
      chunks = [];
      return taken;
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}

type Notice = Readonly<{ method: string; params: { chunk?: string; sessionId?: string; message?: string } }>;
type Reply = Readonly<{ id: number; result?: unknown; error?: { message: string } }>;

/** Calls to one thread. */
interface Session {
  call<Result>(method: string, params?: object): Promise<Result>;
  /** Takes what the thread says. */
  receive(text: string): void;
  /** Rejects all calls under way. */
  fail(reason: string): void;
}

function createSession(send: (text: string) => void, heed: (notice: Notice) => void): Session {
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  let calls = 0;
  return {
    call(method, params = {}) {
      const id = ++calls;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send(JSON.stringify({ id, method, params }));
      });
    },
    receive(text) {
      const message = JSON.parse(text) as Reply | Notice;
      if ("method" in message) return heed(message);
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) call?.reject(new Error(message.error.message));
      else call?.resolve(message.result as never);
    },
    fail(reason) {
      for (const { reject } of waiting.values()) reject(new Error(reason));
      waiting.clear();
    },
  };
}
