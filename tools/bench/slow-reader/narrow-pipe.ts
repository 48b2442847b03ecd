import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Clock } from "../../../runtime/clock.js";

/** How a device reads: as fast as it can, not at all, or so many bytes a second. */
export type Reading = { kind: "fast" } | { kind: "stopped" } | { kind: "trickle"; bytesPerSecond: number };

/**
 * What lies between a device and its server, so that the device can be made to read slowly: the server's socket fills as it
 * would if the device itself did not read. What the device sends passes at once. Its disposal cuts everything.
 */
export interface NarrowPipe extends AsyncDisposable {
  /** Where the device connects to, on loopback. */
  readonly port: number;
  /** From here on, for connections that are open and for later ones. */
  read(reading: Reading): void;
  /** Cuts the open connections. */
  cut(): void;
}

/** How often a trickle is let through, in milliseconds. */
const tickMs = 50;

type Flow = { resume(): void; tick(): void; cut(): void };

export async function createNarrowPipe(targetPort: number, clock: Clock): Promise<NarrowPipe> {
  const flows = new Set<Flow>();
  let reading: Reading = { kind: "fast" };
  let timer: Disposable | undefined;

  const server = createServer({ noDelay: true }, (device) => {
    const upstream = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    const flow = createFlow(device, upstream, () => reading);
    flows.add(flow);
    upstream.on("close", () => flows.delete(flow));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  function tick() {
    for (const flow of flows) flow.tick();
    timer = clock.after(tickMs, tick);
  }

  function stop() {
    timer?.[Symbol.dispose]();
    timer = undefined;
  }

  function cut() {
    for (const flow of [...flows]) flow.cut();
  }

  const address = server.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    read(next) {
      reading = next;
      stop();
      if (reading.kind === "trickle") tick();
      for (const flow of flows) flow.resume();
    },
    cut,
    async [Symbol.asyncDispose]() {
      stop();
      cut();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

/** One connection. */
function createFlow(device: Socket, upstream: Socket, reading: () => Reading): Flow {
  let allowance = 0;
  let isFull = false;

  function mayRead(): boolean {
    const now = reading();
    if (isFull || now.kind === "stopped") return false;
    return now.kind === "fast" || allowance > 0;
  }

  function govern() {
    if (mayRead()) upstream.resume();
    else upstream.pause();
  }

  device.on("data", (bytes) => upstream.write(bytes));
  upstream.on("data", (bytes) => {
    allowance -= bytes.length;
    isFull = !device.write(bytes);
    govern();
  });
  device.on("drain", () => {
    isFull = false;
    govern();
  });
  for (const [one, other] of [
    [device, upstream],
    [upstream, device],
  ] as const) {
    one.on("error", () => {}); // "close" follows
    one.on("close", () => other.end());
  }
  return {
    resume() {
      allowance = 0;
      govern();
    },
    tick() {
      const now = reading();
      if (now.kind !== "trickle") return;
      allowance = Math.min(allowance, 0) + (now.bytesPerSecond * tickMs) / 1_000;
      govern();
    },
    cut() {
      device.destroy();
      upstream.destroy();
    },
  };
}
