import { join } from "node:path";
import WebSocket from "ws";
import { type Client, createClient, ErrorCode, type Message } from "../../clients/typescript/src/index.js";
import { createFileStorage } from "../../clients/typescript/src/storage-file.js";
import { systemClock } from "../../runtime/clock.js";
import type { Chance } from "./chance.js";
import { type Notebook, nowUs, openNotebook, type Place } from "./note.js";
import { createNotedStorage, toRecord } from "./noted-storage.js";
import { createSightings } from "./sightings.js";

/** Who a device is, and where it talks. */
export type DeviceSetup = Readonly<{
  /** Among all devices, from 0. */
  number: number;
  deviceId: string;
  userId: string;
  token: string;
  /** Of its own proxy, on loopback. */
  port: number;
  /** For its storage and its notes. */
  directory: string;
  /** Where it sends of its own accord; what is in here twice gets twice as much. */
  places: readonly Place[];
}>;

/** How a device is doing, in this run of its process. */
export type DeviceStatus = Readonly<{
  device: number;
  deviceId: string;
  connection: string;
  /** Messages without an outcome. */
  unsent: number;
  sent: number;
  acked: number;
  applied: number;
  /** By conversation: up to where it has all messages, and up to where its user has read. */
  cursors: Readonly<Record<string, number>>;
  reads: Readonly<Record<string, number>>;
}>;

/** A real client that keeps notes. */
export interface Device {
  /** Sends one message; resolves with its text when it is in the outbox for good. */
  say(place: Place, purpose?: string): Promise<string>;
  /** Sends one message; resolves when it is stored and has come back as part of the log. */
  probe(place: Place): Promise<void>;
  /** Resolves when the message with this text has been applied. */
  holds(text: string): Promise<void>;
  /** Begins to send of its own accord, after pauses of `meanPauseMs` on average. */
  chatter(meanPauseMs: number): void;
  hush(): void;
  readonly status: DeviceStatus;
  close(): Promise<void>;
}

/** A full outbox is not what is being tested. */
const unsentMax = 500;
/** Shares of all messages. */
const longShare = 0.03;
const readShare = 0.1;
const longTextMax = 6_000;

/** Everything is kept, so that it can be compared. */
const messagesPerConversationMax = 1_000_000;

/** @param options.run counts the runs of the device's process, from 1; it keeps texts different. */
export async function openDevice(setup: DeviceSetup, options: { run: number; chance: Chance }): Promise<Device> {
  const notebook = openNotebook(notebookOf(setup));
  const kept = createSightings();
  const onKept = (text: string) => kept.see(text);
  const cursors = new Map<bigint, bigint>();
  const onOpened = (opened: ReadonlyMap<bigint, bigint>) => {
    for (const [conversationId, seq] of opened) cursors.set(conversationId, seq);
  };
  const client = await createClient({
    url: `ws://127.0.0.1:${setup.port}/ws`,
    token: setup.token,
    storage: createNotedStorage(storageOf(setup), { notebook, onOpened, onKept }),
    deviceId: setup.deviceId,
    webSocket: WebSocket as never,
  });
  const device = new RunningDevice(setup, { ...options, client, notebook, cursors, untilKept: kept.until });
  client.start();
  return device;
}

/** Where a device's notes are. */
export function notebookOf({ directory }: Pick<DeviceSetup, "directory">): string {
  return join(directory, "notes");
}

export function storageOf({ directory }: Pick<DeviceSetup, "directory">) {
  return createFileStorage({ directory, messagesPerConversationMax });
}

type Parts = Readonly<{
  run: number;
  chance: Chance;
  client: Client;
  notebook: Notebook;
  /** Up to where it holds each conversation. */
  cursors: Map<bigint, bigint>;
  untilKept: (text: string) => Promise<void>;
}>;

class RunningDevice implements Device {
  readonly #setup: DeviceSetup;
  readonly #parts: Parts;
  readonly #applied = createSightings();
  readonly #counts = { sent: 0, acked: 0, applied: 0 };
  readonly #reads = new Map<bigint, bigint>();
  #timer: Disposable | undefined;
  #isClosing = false;

  constructor(setup: DeviceSetup, parts: Parts) {
    this.#setup = setup;
    this.#parts = parts;
    this.#listen();
  }

  async say(place: Place, purpose?: string): Promise<string> {
    const { text } = this.#send(place, purpose);
    await this.#parts.untilKept(text);
    return text;
  }

  async probe(place: Place): Promise<void> {
    const { text, stored } = this.#send(place, "probe");
    await Promise.all([stored, this.#applied.until(text)]);
  }

  holds(text: string): Promise<void> {
    return this.#applied.until(text);
  }

  chatter(meanPauseMs: number): void {
    this.hush();
    const pauseMs = this.#parts.chance.between(meanPauseMs / 2, meanPauseMs * 1.5);
    this.#timer = systemClock.after(pauseMs, () => {
      if (this.#parts.client.pending().length < unsentMax) this.#send(this.#parts.chance.pick(this.#setup.places));
      this.chatter(meanPauseMs);
    });
  }

  hush(): void {
    this.#timer?.[Symbol.dispose]();
  }

  get status(): DeviceStatus {
    const { client } = this.#parts;
    const { number, deviceId } = this.#setup;
    return {
      device: number,
      deviceId,
      connection: client.connection.state,
      unsent: client.pending().length,
      ...this.#counts,
      cursors: toRecord(this.#parts.cursors),
      reads: toRecord(this.#reads),
    };
  }

  async close(): Promise<void> {
    this.hush();
    this.#isClosing = true;
    await this.#parts.client.close();
    this.#parts.notebook[Symbol.dispose]();
  }

  #send(place: Place, purpose = "") {
    const { run, client, notebook } = this.#parts;
    this.#counts.sent += 1;
    const text = `${this.#setup.deviceId} ${run}.${this.#counts.sent} ${purpose}${this.#padding()}`;
    notebook.write({ kind: "sends", atUs: nowUs(), text, place });
    const target =
      place.to === "user" ? { user: BigInt(place.userId) } : { conversation: BigInt(place.conversationId) };
    return { text, stored: client.send(target, { text }).stored };
  }

  #padding(): string {
    const { chance } = this.#parts;
    return chance.happens(longShare) ? "x".repeat(chance.between(1, longTextMax)) : "";
  }

  #listen(): void {
    const { client, notebook } = this.#parts;
    client.on((event) => {
      switch (event.kind) {
        case "message":
          return this.#onMessage(event.message);
        case "stored": {
          const { conversationId, seq, messageId } = event.stored;
          this.#counts.acked += 1;
          const place = { conversationId: String(conversationId), seq: Number(seq), messageId: String(messageId) };
          return notebook.write({ kind: "stored", atUs: nowUs(), clientId: Number(event.clientId), ...place });
        }
        case "refused":
          return notebook.write({ kind: "refused", clientId: Number(event.clientId), code: ErrorCode[event.code] });
        case "reset": {
          const { conversationId, floorSeq } = event;
          this.#parts.cursors.set(conversationId, floorSeq);
          return notebook.write({
            kind: "reset",
            conversationId: String(conversationId),
            floorSeq: Number(floorSeq),
          });
        }
        case "started-over":
          return notebook.write({ kind: "started-over" });
        case "conversation":
          return this.#onRead(event.conversation);
        case "connection":
          if (event.connection.state !== "closed" || this.#isClosing) return;
          return notebook.write({ kind: "closed", advice: event.connection.reason.advice });
        default: // says nothing about messages
      }
    });
  }

  #onMessage({ conversationId, seq, messageId, content }: Message): void {
    const { client, notebook, chance } = this.#parts;
    const place = { conversationId: String(conversationId), seq: Number(seq), messageId: String(messageId) };
    notebook.write({ kind: "applied", ...place });
    this.#counts.applied += 1;
    this.#parts.cursors.set(conversationId, seq);
    if (content?.body.case === "text") this.#applied.see(content.body.value.text);
    if (chance.happens(readShare)) client.markRead(conversationId, seq);
  }

  #onRead({ conversationId, readSeq }: { conversationId: bigint; readSeq: bigint }): void {
    if (readSeq === (this.#reads.get(conversationId) ?? 0n)) return;
    this.#reads.set(conversationId, readSeq);
    this.#parts.notebook.write({ kind: "read", conversationId: String(conversationId), seq: Number(readSeq) });
  }
}
