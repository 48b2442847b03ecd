import { accessSync, constants } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { makeDirectory } from "../../runtime/make-directory.js";

/** What Tidewire writes into its data directory. Only this is ever deleted. */
const OWN_ENTRIES = ["store", "token-key.json", "chat"];

/**
 * Makes sure that the directory is there, that it is ours to write, and that nobody else can look into it.
 * @throws TidewireError `FORBIDDEN` if it cannot be created or written.
 */
export async function openDataDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const advice =
      "Give this user the right to write there, or name another directory with --data or TIDEWIRE_DATA_DIR";
    throw new TidewireError(ErrorCode.FORBIDDEN, `cannot write to the data directory ${directory}. ${advice}`, {
      cause,
    });
  }
}

/** Deletes what Tidewire has written there. Returns what it deleted. */
export async function resetDataDirectory(directory: string): Promise<string[]> {
  const present = (await readdir(directory).catch(() => [])).filter((entry) => OWN_ENTRIES.includes(entry));
  for (const entry of present) await rm(join(directory, entry), { recursive: true });
  return present;
}
