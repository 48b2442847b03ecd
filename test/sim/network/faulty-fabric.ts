import type { Fabric, StreamEntry } from "../../../runtime/fabric/fabric.js";
import { createMemoryFabric, type MemoryFabric } from "../../../runtime/fabric/memory.js";
import { never, type SimNode } from "../engine/node.js";
import type { Scheduler } from "../engine/scheduler.js";
import type { Trace } from "../engine/trace.js";
import type { Faults } from "../faults/faults.js";

/** The fabric that all processes share, and that outlives them, as Redis does. */
export interface SharedFabric {
  /** The way of one process to it. */
  viewOf(node: SimNode): Fabric;
  /** A process has died: its connection is closed. What it has written stays. */
  forget(node: SimNode): void;
  /** A process cannot reach it for so long. */
  cutOff(node: SimNode, forMs: number): void;
  /** Everybody reaches it again. */
  mend(): void;
  /** It loses all that it holds, and goes on empty. */
  flush(): void;
  /** What it holds. */
  readonly size: number;
}

export type SharedFabricOptions = Readonly<{
  scheduler: Scheduler;
  /** The process that it runs in. */
  node: SimNode;
  faults: Faults;
  trace: Trace;
  /** "local": within one process, where nothing takes time. "remote": across a network. */
  distance: "local" | "remote";
  latencyMs(): number;
}>;

/** What cannot be sent waits for a connection for so long, and then fails. */
const patienceMs = 5_000;

type Consumer = AsyncDisposable & { readonly node: SimNode; attach(fabric: Fabric, generation: number): void };

/** The shipped memory fabric, behind a network that delays and loses. */
export function createSharedFabric(options: SharedFabricOptions): SharedFabric {
  const { scheduler, faults, trace, distance, latencyMs } = options;
  let generation = 1;
  let inner: MemoryFabric = createMemoryFabric({ clock: options.node.clock });
  const consumers = new Set<Consumer>();
  /** Until when each process is cut off. */
  const cuts = new Map<SimNode, number>();
  const cutUntilMs = (node: SimNode) => cuts.get(node) ?? 0;
  /** What has come for those who are cut off. */
  const held = new Map<SimNode, (() => void)[]>();

  function whenConnected(node: SimNode, task: () => void) {
    const waiting = held.get(node);
    if (waiting !== undefined) waiting.push(task);
    else node.run(task);
  }

  function reconnect(node: SimNode) {
    if (cutUntilMs(node) > scheduler.nowMs) return;
    const waiting = held.get(node) ?? [];
    held.delete(node);
    for (const task of waiting) scheduler.after(0, () => node.run(task));
  }

  /** A caller's connection keeps its order: what is asked for later is done later. */
  function createWay(node: SimNode) {
    let lastMs = 0;
    const cross = () => {
      lastMs = Math.max(
        lastMs,
        cutUntilMs(node),
        scheduler.nowMs + latencyMs() + (faults.strikes("fabric-slow") ? slowMs() : 0),
      );
      return lastMs;
    };
    return <T>(operate: (fabric: Fabric) => Promise<T>): Promise<T> => {
      if (!node.isAlive) return never();
      if (faults.strikes("fabric-hung")) return hang(node, faults.randomOf("fabric-hung").between(5_000, 30_000));
      if (cutUntilMs(node) > scheduler.nowMs + patienceMs) return hang(node, patienceMs);
      if (faults.strikes("fabric-failed")) return Promise.reject(failure());
      if (distance === "local" && cutUntilMs(node) <= scheduler.nowMs) return operate(inner);
      return new Promise((resolve, reject) => {
        scheduler.at(cross(), () => {
          const answer = (settle: () => void) => scheduler.after(latencyMs(), () => node.run(settle));
          operate(inner).then(
            (result) => answer(() => resolve(result)),
            (error: unknown) => answer(() => reject(error)),
          );
        });
      });
    };
  }
  /** It ends like a connection whose other end has gone without a word. */
  function hang(node: SimNode, forMs: number): Promise<never> {
    return new Promise((_, reject) => {
      scheduler.after(forMs, () => node.run(() => reject(failure())));
    });
  }
  const slowMs = () => faults.randomOf("fabric-slow").between(20, 3_000);

  /** Entries reach a gateway in order; what is lost leaves a gap in their numbers. */
  function createReceiver(node: SimNode, onEntry: (entry: StreamEntry) => void) {
    let lastMs = 0;
    const arrive = (entry: StreamEntry, extraMs: number) => {
      lastMs = Math.max(lastMs, scheduler.nowMs + extraMs + (distance === "local" ? 0 : latencyMs()));
      scheduler.at(lastMs, () => whenConnected(node, () => onEntry(entry)));
    };
    return (entry: StreamEntry) => {
      if (!node.isAlive) return;
      trace.note("entry", node.name, Number(entry.number), () => `${entry.stream} #${entry.number}`);
      if (faults.strikes("entry-lost")) return;
      arrive(entry, faults.strikes("entry-late") ? faults.randomOf("entry-late").between(10, 4_000) : 0);
      if (faults.strikes("entry-doubled")) arrive(entry, faults.randomOf("entry-doubled").between(0, 500));
    };
  }

  async function consume(node: SimNode, gateway: string, onEntry: (entry: StreamEntry) => void) {
    if (!node.isAlive) return await never<AsyncDisposable>();
    const receive = createReceiver(node, onEntry);
    let current: AsyncDisposable | undefined;
    const consumer: Consumer = {
      node,
      attach(fabric, number) {
        const named = (entry: StreamEntry) => receive({ ...entry, stream: `${number}:${entry.stream}` });
        void fabric.streams.consume(gateway, named).then((consumed) => {
          current = consumed;
          if (!consumers.has(consumer)) void consumed[Symbol.asyncDispose]();
        });
      },
      async [Symbol.asyncDispose]() {
        consumers.delete(consumer);
        await current?.[Symbol.asyncDispose]();
      },
    };
    consumers.add(consumer);
    consumer.attach(inner, generation);
    return consumer;
  }

  return {
    viewOf(node) {
      const via = createWay(node);
      return {
        streams: {
          publish: (gateway, payload) => via((fabric) => fabric.streams.publish(gateway, payload)),
          consume: (gateway, onEntry) => via(() => consume(node, gateway, onEntry)),
        },
        routes: delegate(via, "routes"),
        gateways: delegate(via, "gateways"),
        limits: delegate(via, "limits"),
        leases: delegate(via, "leases"),
        marks: delegate(via, "marks"),
        async [Symbol.asyncDispose]() {},
      };
    },
    forget(node) {
      for (const consumer of consumers) if (consumer.node === node) void consumer[Symbol.asyncDispose]();
    },
    cutOff(node, forMs) {
      cuts.set(node, scheduler.nowMs + forMs);
      held.set(node, held.get(node) ?? []);
      scheduler.after(forMs, () => reconnect(node));
    },
    mend() {
      cuts.clear();
      for (const node of held.keys()) reconnect(node);
    },
    flush() {
      void inner[Symbol.asyncDispose]();
      generation++;
      inner = createMemoryFabric({ clock: options.node.clock });
      for (const consumer of consumers) consumer.attach(inner, generation);
    },
    get size() {
      return inner.size;
    },
  };
}

type Way = <T>(operate: (fabric: Fabric) => Promise<T>) => Promise<T>;
type Operations = Record<string, (...parameters: unknown[]) => Promise<unknown>>;

/** All operations of one part of the fabric, whatever they are called. */
function delegate<Part extends keyof Fabric & string>(via: Way, part: Part): Fabric[Part] {
  const operations = new Map<string, Operations[string]>();
  const operationOf = (name: string) => {
    const known =
      operations.get(name) ??
      ((...parameters) =>
        via((fabric) => (fabric[part] as unknown as Operations)[name]?.(...parameters) ?? absent(name)));
    operations.set(name, known);
    return known;
  };
  return new Proxy({}, { get: (_, name) => operationOf(String(name)) }) as Fabric[Part];
}

function failure(): Error {
  return new Error("the fabric does not answer");
}

function absent(name: string): never {
  throw new Error(`the memory fabric has no ${name}`);
}
