import { systemClock } from "../../../runtime/clock.js";
import { type Countdown, createCountdown } from "./countdown.js";
import type { RawReport, SubscribeRequest } from "./generator-calls.js";
import { openLeanSocket, toClientMessage } from "./lean-socket.js";
import { machineUs, toMachineUs } from "./machine-clock.js";
import { loginsMax, mapBounded } from "./map-bounded.js";

/** Subscribers of the raw server, received by the same code as the group's members. */
export interface RawLoad extends Disposable {
  /** From here on these messages are awaited. */
  prepareRound(messages: readonly Uint8Array[]): void;
  /** @throws Error if a subscriber did not get exactly what is awaited. */
  runRound(): Promise<RawReport>;
}

const roundTimeoutMs = 30_000;

export async function openRawLoad({ port, subscribers, bytes, trigger }: SubscribeRequest): Promise<RawLoad> {
  let awaited: readonly Uint8Array[] = [];
  let pending: Countdown | undefined;
  const open = () =>
    openLeanSocket({
      host: "127.0.0.1",
      port,
      path: "/",
      subprotocol: undefined,
      inboxBytes: bytes,
      received: (messages) => pending?.count(messages.reduce((sum, { start, end }) => sum + end - start, 0)),
      lost: (reason) => pending?.fail(`a raw subscriber was cut off: ${reason}`),
    });
  const sockets = await mapBounded(Array.from({ length: subscribers }), loginsMax, open);

  return {
    prepareRound(messages) {
      awaited = messages;
      for (const { inbox } of sockets) inbox.clear();
      const total = subscribers * messages.reduce((sum, { length }) => sum + length, 0);
      pending = createCountdown(total, { clock: systemClock, timeoutMs: roundTimeoutMs });
    },
    async runRound() {
      const startUs = trigger === "here" ? machineUs() : undefined;
      if (trigger === "here") sockets[0]?.write(toClientMessage(Uint8Array.of(1)));
      await pending?.done;
      for (const { inbox } of sockets) {
        const got = inbox.arrivals.map((arrival) => inbox.payloadOf(arrival));
        verifyBytes(got, awaited);
      }
      const lastMs = sockets.reduce((last, { inbox }) => Math.max(last, inbox.arrivals.at(-1)?.atMs ?? 0), 0);
      return { startUs, lastUs: toMachineUs(lastMs) };
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
