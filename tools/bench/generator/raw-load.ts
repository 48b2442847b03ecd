import { systemClock } from "../../../runtime/clock.js";
import { watchBusyness } from "./busyness.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { RawReport } from "./generator-calls.js";
import { type LeanSocket, openLeanSocket, toClientMessage } from "./lean-socket.js";

/** Subscribers of the raw server, received by the same code as the group's members. */
export interface RawLoad extends Disposable {
  /** @throws Error if a subscriber did not get exactly these messages. */
  runRound(messages: readonly Uint8Array[]): Promise<RawReport>;
}

const roundTimeoutMs = 30_000;

export async function openRawLoad(options: { port: number; subscribers: number; bytes: number }): Promise<RawLoad> {
  const { port, subscribers, bytes } = options;
  let pending: Countdown | undefined;
  const sockets: LeanSocket[] = [];
  for (let index = 0; index < subscribers; index++) {
    const socket = await openLeanSocket({
      host: "127.0.0.1",
      port,
      path: "/",
      subprotocol: undefined,
      inboxBytes: bytes,
      received: (messages) => pending?.count(messages.reduce((sum, { start, end }) => sum + end - start, 0)),
      lost: (reason) => pending?.fail(`a raw subscriber was cut off: ${reason}`),
    });
    sockets.push(socket);
  }

  return {
    async runRound(messages) {
      for (const { inbox } of sockets) inbox.clear();
      const total = subscribers * messages.reduce((sum, { length }) => sum + length, 0);
      pending = createCountdown(total, { clock: systemClock, timeoutMs: roundTimeoutMs });
      const busyness = watchBusyness();
      const startMs = performance.now();
      sockets[0]?.write(toClientMessage(Uint8Array.of(1)));
      await pending.done;
      const used = busyness();
      for (const { inbox } of sockets)
        verifyBytes(
          inbox.arrivals.map((arrival) => inbox.payloadOf(arrival)),
          messages,
        );
      const lastMs = sockets.reduce(
        (last, { inbox }) => Math.max(last, inbox.arrivals.at(-1)?.atMs ?? startMs),
        startMs,
      );
      return { totalMs: lastMs - startMs, busyness: used };
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket[Symbol.dispose]();
    },
  };
}

function verifyBytes(got: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  if (Buffer.compare(Buffer.concat(got), Buffer.concat(expected)) === 0) return;
  throw new Error("a subscriber of the raw server did not get exactly what was published");
}
