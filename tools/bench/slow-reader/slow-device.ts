import WebSocket from "ws";
import {
  type Client,
  type ClientEvent,
  createClient,
  createMemoryStorage,
} from "../../../clients/typescript/src/index.js";
import type { Clock } from "../../../runtime/clock.js";
import type { Seat, StreamJoinRequest } from "../generator/generator-calls.js";
import { createLogFollower, type Holding } from "../generator/log-follower.js";
import { createNarrowPipe, type Reading } from "./narrow-pipe.js";

/** A device with the shipped client, which can be made to read slowly. */
export interface SlowDevice extends AsyncDisposable {
  /** Up to where it has the log. */
  readonly seq: bigint;
  readonly isReady: boolean;
  /** How its connections ended since `reconnect`. */
  readonly closeCodes: readonly number[];
  readonly holding: Holding;
  /** Cuts the connection; the client makes a new one. */
  reconnect(): void;
  read(reading: Reading): void;
}

/** Starts a client behind a pipe of its own. */
export async function openSlowDevice(
  { userId, token, deviceId, conversationId, headSeq }: Seat,
  { port, textBytes, clock }: Omit<StreamJoinRequest, "seats"> & { clock: Clock },
): Promise<SlowDevice> {
  const pipe = await createNarrowPipe(port, clock);
  const follower = createLogFollower({ holder: `user ${userId}`, conversationId, headSeq, textBytes });
  const client = await createClient({
    url: `ws://127.0.0.1:${pipe.port}/ws`,
    token,
    storage: createMemoryStorage({ messagesPerConversationMax: 1 }),
    deviceId,
    webSocket: WebSocket as never,
  });
  let begunSeq = 0n;
  let closeCodes: number[] = [];
  let isReconnecting = false;

  function hear(event: ClientEvent) {
    switch (event.kind) {
      case "message":
        begunSeq = event.message.seq;
        if (event.message.seq > headSeq) follower.follow(event.message);
        return;
      case "reset":
        begunSeq = event.floorSeq;
        return;
      case "connection":
        if (event.connection.state !== "waiting") return;
        if (!isReconnecting) closeCodes.push(event.connection.reason.code);
        isReconnecting = false;
        return;
      default: // says nothing about messages
    }
  }

  client.on(hear);
  client.start();
  return {
    get seq() {
      return begunSeq < headSeq ? begunSeq : follower.seq;
    },
    get isReady() {
      return !isReconnecting && isReady(client);
    },
    get closeCodes() {
      return closeCodes;
    },
    get holding() {
      return follower.holding;
    },
    reconnect() {
      closeCodes = [];
      isReconnecting = true;
      pipe.cut();
    },
    read: pipe.read,
    async [Symbol.asyncDispose]() {
      await client.close();
      await pipe[Symbol.asyncDispose]();
    },
  };
}

function isReady({ connection }: Client): boolean {
  return connection.state === "ready";
}
