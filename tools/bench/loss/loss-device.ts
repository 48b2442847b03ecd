import WebSocket from "ws";
import {
  type Client,
  type ClientEvent,
  createClient,
  createMemoryStorage,
} from "../../../clients/typescript/src/index.js";
import type { Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import type { Seat } from "../generator/generator-calls.js";
import { createLogFollower, type Holding } from "../generator/log-follower.js";
import { textOf } from "../generator/workload.js";
import { createDroppingNetwork } from "./dropping-network.js";
import { createSpells, type Progress, type Recovery, type Spells } from "./spells.js";

/** A device with the shipped client, behind a network that drops its connection. */
export interface LossDevice extends AsyncDisposable {
  readonly seat: Seat;
  readonly spells: Pick<Spells, "isUnwell" | "wasUnwellSince">;
  readonly isReady: boolean;
  readonly progress: Progress;
  say(clientId: number): void;
  drop(): void;
  /** What lies in its store, from the first message to the last. */
  readStore(): Promise<Holding>;
}

/** What a device tells. Times on the process's own clock. */
export type LossListener = Readonly<{
  message(message: Message, atMs: number): void;
  stored(clientId: bigint, atMs: number): void;
  recovered(recovery: Recovery): void;
  problem(problem: string): void;
  /** What there is in its conversation, as far as anybody knows. */
  headSeq(): bigint;
}>;

type Options = Readonly<{ port: number; textBytes: number; listener: LossListener }>;

/** Everything is kept, so that it can be compared. */
const messagesMax = 10_000_000;
const pageMax = 1_000;

export async function openLossDevice(seat: Seat, { port, textBytes, listener }: Options): Promise<LossDevice> {
  const network = await createDroppingNetwork({ targetPort: port, clock: systemClock, random: Math.random });
  const client = await createClient({
    url: `ws://127.0.0.1:${network.port}/ws`,
    token: seat.token,
    storage: createMemoryStorage({ messagesPerConversationMax: messagesMax }),
    deviceId: seat.deviceId,
    webSocket: WebSocket as never,
  });
  const spells = createSpells();
  const progress = { seq: seat.headSeq, stored: 0n };
  let sent = 0n;
  /** Set until the connection that is to be cut has passed its last bytes. */
  let isCutting = false;

  function advance(atMs: number) {
    const recovery = spells.advance(progress, atMs);
    if (recovery) listener.recovered(recovery);
  }

  function hearConnection({ state }: Client["connection"]) {
    const nowMs = performance.now();
    if (state === "waiting" && isCutting) spells.drop("cut", nowMs);
    if (state === "waiting") isCutting = false;
    if (state === "ready") spells.ready({ seq: listener.headSeq(), stored: sent });
    if (state === "closed") listener.problem("was closed for good");
    advance(nowMs);
  }

  function hear(event: ClientEvent) {
    const atMs = performance.now();
    switch (event.kind) {
      case "connection":
        return hearConnection(event.connection);
      case "message":
        progress.seq = event.message.seq;
        listener.message(event.message, atMs);
        return advance(atMs);
      case "stored":
        progress.stored = event.clientId;
        listener.stored(event.clientId, atMs);
        return advance(atMs);
      case "refused":
      case "renumbered":
      case "reset":
      case "started-over":
        return listener.problem(`was told ${event.kind}`);
      default: // says nothing about messages
    }
  }

  client.on(hear);
  client.start();
  return {
    seat,
    spells,
    progress,
    get isReady() {
      return client.connection.state === "ready";
    },
    say(clientId) {
      sent = BigInt(clientId);
      const sending = client.send(
        { conversation: seat.conversationId },
        { text: textOf(clientId, seat.userId, textBytes) },
      );
      if (sending.clientId !== sent) listener.problem(`numbered its message ${clientId} as ${sending.clientId}`);
    },
    drop() {
      if (spells.isUnwell || isCutting || client.connection.state !== "ready") return;
      const kind = network.drop();
      if (kind === "cut") isCutting = true;
      else spells.drop(kind, performance.now());
    },
    async readStore() {
      const follower = createLogFollower({ holder: `user ${seat.userId}`, ...seat, textBytes });
      for (const message of await readAll(client, seat.conversationId)) follower.follow(message);
      return follower.holding;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await network[Symbol.asyncDispose]();
    },
  };
}

/** From the end of the log to its begin, as stores give it; by rising seq. */
async function readAll(client: Client, conversationId: bigint): Promise<Message[]> {
  const pages: Message[][] = [];
  for (let beforeSeq: bigint | undefined; ; beforeSeq = pages.at(-1)?.[0]?.seq) {
    const page = await client.history(conversationId, {
      limit: pageMax,
      ...(beforeSeq === undefined ? {} : { beforeSeq }),
    });
    if (page.length === 0) return pages.reverse().flat();
    pages.push(page);
  }
}
