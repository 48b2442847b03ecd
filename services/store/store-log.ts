import type { Logger } from "../../runtime/log.js";

/** What the store has to say, it says here. */
export type StoreLog = Pick<Logger, "info" | "warn" | "error">;
