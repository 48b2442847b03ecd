import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import type { Clock } from "../../runtime/clock.js";
import type { Direction } from "./fault.js";
import { createLane, type Lane, type Sink, type Weather } from "./lane.js";

/** The network between one device and the server, and what can go wrong with it. Its disposal cuts everything. */
export interface TcpProxy extends AsyncDisposable {
  /** Where the device connects to, on loopback. */
  readonly port: number;
  /** Connections that are open on at least one side. */
  readonly connections: number;
  /** Delays whatever passes, until it is disposed of. Several add up. */
  delay(delayMs: number, jitterMs: number): Disposable;
  /** Cuts whatever passes into pieces of 1 to `maxBytes`, until it is disposed of. The last one that came counts. */
  slice(maxBytes: number): Disposable;
  /** Lets so many more bytes pass on the open connections, then resets both sides. */
  truncate(direction: Direction, passBytes: number): void;
  /** Resets both sides of the open connections. */
  reset(): void;
  /** Silences the open connections in these directions. Later ones work. */
  halfOpen(directions: readonly Direction[]): HalfOpen;
  /** Resets the open connections and every new one, until it is disposed of. */
  refuse(): Disposable;
}

/** Connections that have fallen silent. What is held counts as sent for those who sent it. */
export interface HalfOpen {
  /** Lets through what was held, and all that follows. */
  resume(): void;
  reset(): void;
}

export type TcpProxyOptions = Readonly<{
  /** Where the server listens, on loopback. */
  targetPort: number;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

/** From here on, a sender has to wait, as it would with full buffers in the kernel. */
const laneMaxBytes = 1_048_576;

const clear: Readonly<Weather> = { delayMs: 0, jitterMs: 0, sliceMaxBytes: Number.POSITIVE_INFINITY };

export async function createTcpProxy({ targetPort, clock, random }: TcpProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const causes = new Set<Partial<Weather>>();
  const weather: Weather = { ...clear };
  let refusals = 0;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (device) => {
    if (refusals > 0) return reset(device);
    const upstream = dial({ host: "127.0.0.1", port: targetPort, allowHalfOpen: true, noDelay: true });
    const pair = createPair({ device, server: upstream, clock, random, weather, onGone: () => pairs.delete(pair) });
    pairs.add(pair);
  });
  const port = await listen(server);

  function weatherFrom(cause: Partial<Weather>): Disposable {
    causes.add(cause);
    Object.assign(weather, mix(causes));
    return {
      [Symbol.dispose]() {
        causes.delete(cause);
        Object.assign(weather, mix(causes));
      },
    };
  }

  function resetAll(these: Iterable<Pair>): void {
    for (const pair of [...these]) pair.reset();
  }

  return {
    port,
    get connections() {
      return pairs.size;
    },
    delay: (delayMs, jitterMs) => weatherFrom({ delayMs, jitterMs }),
    slice: (sliceMaxBytes) => weatherFrom({ sliceMaxBytes }),
    truncate(direction, passBytes) {
      for (const { lanes } of pairs) lanes[direction].cutAfter(passBytes);
    },
    reset: () => resetAll(pairs),
    halfOpen(directions) {
      const silenced = [...pairs];
      const holds = silenced.flatMap(({ lanes }) => directions.map((direction) => lanes[direction].hold()));
      return {
        resume() {
          for (const hold of holds) hold[Symbol.dispose]();
        },
        reset: () => resetAll(silenced),
      };
    },
    refuse() {
      refusals += 1;
      resetAll(pairs);
      return {
        [Symbol.dispose]() {
          refusals -= 1;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      resetAll(pairs);
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

function mix(causes: Iterable<Partial<Weather>>): Weather {
  const mixed: Weather = { ...clear };
  for (const { delayMs = 0, jitterMs = 0, sliceMaxBytes = mixed.sliceMaxBytes } of causes) {
    mixed.delayMs += delayMs;
    mixed.jitterMs += jitterMs;
    mixed.sliceMaxBytes = sliceMaxBytes;
  }
  return mixed;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}

/** One connection: a socket on each side, and a lane for each direction. */
type Pair = Readonly<{ lanes: Readonly<Record<Direction, Lane>>; reset(): void }>;

type PairOptions = Readonly<{
  device: Socket;
  server: Socket;
  clock: Clock;
  random: () => number;
  weather: Readonly<Weather>;
  onGone: () => void;
}>;

function createPair({ device, server, clock, random, weather, onGone }: PairOptions): Pair {
  const lanes = {
    up: join(device, server, { clock, random, weather }),
    down: join(server, device, { clock, random, weather }),
  };
  for (const socket of [device, server]) {
    socket.on("close", () => {
      if (device.destroyed && server.destroyed) onGone();
    });
  }
  return {
    lanes,
    reset() {
      for (const lane of Object.values(lanes)) lane.close();
      for (const socket of [device, server]) reset(socket);
    },
  };
}

/** A lane from one socket to the other. How `from` ends is news for `to`, and travels the lane like all else. */
function join(from: Socket, to: Socket, options: Pick<PairOptions, "clock" | "random" | "weather">): Lane {
  const lane = createLane({ ...options, sink: toSink(to, letIn) });
  function letIn(): void {
    if (lane.heldBytes <= laneMaxBytes) from.resume();
  }
  from.on("data", (bytes) => {
    lane.push(bytes);
    if (lane.heldBytes > laneMaxBytes) from.pause();
  });
  from.on("end", () => lane.end("fin"));
  from.on("error", () => {}); // "close" follows
  from.on("close", () => lane.end("reset")); // after a "fin" it does nothing
  to.on("drain", () => lane.drained());
  return lane;
}

function toSink(socket: Socket, onWritten: () => void): Sink {
  return {
    write(bytes) {
      onWritten();
      if (socket.destroyed) return "open"; // it has gone, which the other side may not know yet
      return socket.write(bytes) ? "open" : "full";
    },
    end(ending) {
      if (ending === "fin") socket.end();
      else reset(socket);
    },
  };
}

/**
 * At once, and without a FIN before. `resetAndDestroy` would wait for the peer to read what was written, and shut the
 * connection down in order first; the flag that it sets, and nothing else, makes `destroy` send a reset.
 */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (!socket.connecting) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
