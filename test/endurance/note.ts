import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** Where a message goes. Ids are decimal strings here and below, seqs and client_ids are numbers: all of it travels as JSON. */
export type Place = Readonly<{ to: "conversation"; conversationId: string } | { to: "user"; userId: string }>;

/**
 * What a device did and was told, in that order. Times are on the machine's monotonic clock, which all processes share, in
 * microseconds.
 */
export type Note = Readonly<
  /** Its storage was opened: what it held, and the messages without an outcome. The first note of each run. */
  | { kind: "opened"; cursors: Readonly<Record<string, number>>; pending: readonly Pending[] }
  /** It is about to send. Every text is sent once. */
  | { kind: "sends"; atUs: number; text: string; place: Place }
  /** Its storage holds the message in the outbox, under this number. */
  | ({ kind: "kept" } & Pending)
  | { kind: "stored"; atUs: number; clientId: number; conversationId: string; seq: number; messageId: string }
  /** @property code a name of ErrorCode */
  | { kind: "refused"; clientId: number; code: string }
  | { kind: "applied"; conversationId: string; seq: number; messageId: string }
  | { kind: "reset"; conversationId: string; floorSeq: number }
  | { kind: "started-over" }
  /** Up to where its user has read, as the device shows it. */
  | { kind: "read"; conversationId: string; seq: number }
  /** It was told never to connect again. */
  | { kind: "closed"; advice: string }
>;

export type Pending = Readonly<{ clientId: number; text: string }>;

/** Writes a device's notes to a file, for its process may be killed at any time. */
export interface Notebook extends Disposable {
  /** Returns when the system has the note: a killed process does not take it along. */
  write(note: Note): void;
}

/** Goes on behind what an earlier run has written. */
export function openNotebook(path: string): Notebook {
  const file = openSync(path, "a");
  return {
    // One write for each line, so that none is torn.
    write: (note) => void writeSync(file, `${JSON.stringify(note)}\n`),
    [Symbol.dispose]: () => closeSync(file),
  };
}

export async function readNotebook(path: string): Promise<Note[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Note);
}

/** The time of a note. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
