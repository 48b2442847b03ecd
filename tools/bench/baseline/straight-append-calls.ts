import type { Busyness } from "../generator/busyness.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";

/** The straight append, for whoever forks it. */
export const straightAppendModule = new URL("./straight-append.js", import.meta.url);

export type StraightOpenRequest = Readonly<{
  databaseUrl: string;
  textBytes: number;
  /** Each of its own conversation; nobody of them has ever logged in. */
  seats: readonly Seat[];
  /** Batches that are under way at a time, each on a connection of its own. */
  lanes: number;
  /** Messages of one sender in a batch. */
  perSender: number;
}>;

export type StraightReport = Readonly<{
  startUs: number;
  messages: number;
  /** Until the last batch was stored. */
  elapsedMs: number;
  storedBySecond: readonly number[];
  busyness: Busyness;
}>;

/** What the process of the straight append does on request. */
export type StraightAppendCalls = {
  /** Opens the database, and gives every sender a device with a session. */
  open(request: StraightOpenRequest): Promise<void>;
  /** Appends as much as it can for so long. */
  run(request: { batchMessages: number; seconds: number }): Promise<StraightReport>;
  /** What each conversation has to hold by now, as it was appended. Closes the database. */
  close(request: undefined): Promise<readonly Holding[]>;
};
