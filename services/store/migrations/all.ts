import { theLog } from "./0001-the-log.js";
import { append } from "./0002-append.js";
import { reliableDownlink } from "./0003-reliable-downlink.js";
import { appendOne } from "./0004-append-one.js";

/** A step forward of the schema. Once released it is never changed; the next one mends it. */
export type Migration = Readonly<{
  /** 1, 2, 3… */
  version: number;
  /** For the table schema_migration. */
  name: string;
  /** Statements, run in one transaction. */
  sql: string;
}>;

/** All steps, in order. */
export const migrations: readonly Migration[] = [theLog, append, reliableDownlink, appendOne];
