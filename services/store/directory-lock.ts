import { randomUUID } from "node:crypto";
import { access, constants, link, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { makeDirectory } from "../../runtime/make-directory.js";

/** How often a lock that somebody else has just removed is tried again. */
const attemptsMax = 50;
/** Removing a stale lock takes a moment; a marker older than this was left behind, in milliseconds. */
const markerMaxMs = 10_000;

/** Who holds the lock. A pid alone does not name a process: pids are used again. */
type Holder = Readonly<{ pid: number; startedAt: string }>;

/**
 * Takes a data directory for this process, creating it (0700) if it is missing. The embedded database itself would open one
 * directory twice and destroy it. A lock whose process is gone is taken over.
 * @throws TidewireError `UNAVAILABLE` if a live process holds it; `FORBIDDEN` if the directory cannot be written.
 */
export async function lockDirectory(directory: string): Promise<AsyncDisposable> {
  await makeWritable(directory);
  const path = join(directory, "lock");
  const own: Holder = { pid: process.pid, startedAt: await startOf(process.pid) };
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (await create(path, own)) return { [Symbol.asyncDispose]: () => release(path, own) };
    const found = await readLock(path);
    const holder = parseHolder(found);
    if (holder !== undefined && (await isAlive(holder))) throw heldError(directory, holder);
    if (found !== undefined) await removeStale(path, found);
    await setImmediate();
  }
  throw new TidewireError(ErrorCode.UNAVAILABLE, `several processes fight for the data directory ${directory}`);
}

async function makeWritable(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const message =
      `the data directory ${directory} cannot be written (${reason}). ` +
      "Make it writable for this user, or name another one with TIDEWIRE_DATA_DIR.";
    throw new TidewireError(ErrorCode.FORBIDDEN, message, { cause });
  }
}

/** Creates the lock with its content in one step: nobody ever reads a lock that is half written. */
async function create(path: string, own: Holder): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, "EEXIST")) return false;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
}

/** The text of the lock; undefined if there is none. */
async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return undefined;
    throw thrown;
  }
}

/** Undefined for a lock that a power loss has torn. */
function parseHolder(lock = ""): Holder | undefined {
  try {
    const parsed: unknown = JSON.parse(lock);
    return isHolder(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== "object" || value === null || !("pid" in value) || !("startedAt" in value)) return false;
  return typeof value.pid === "number" && typeof value.startedAt === "string";
}

async function isAlive({ pid, startedAt }: Holder): Promise<boolean> {
  if (!exists(pid)) return false;
  const start = await startOf(pid);
  return start === "" || startedAt === "" || start === startedAt;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return hasCode(thrown, "EPERM"); // it exists, but belongs to another user
  }
}

/**
 * When a process started, in clock ticks since boot: field 22 of proc(5) stat. Empty where there is no /proc; "ended" for one
 * that was killed and that its parent has not waited for, which in a container may be never.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in parentheses, which may contain anything, even spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "ended" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/**
 * Removes a stale lock. Of several processes that found the same one, only the one that creates the marker may: otherwise a
 * slow one would remove the fresh lock of a faster one.
 */
async function removeStale(path: string, stale: string): Promise<void> {
  const marker = `${path}.stale`;
  if (!(await createMarker(marker))) return;
  try {
    if ((await readLock(path)) === stale) await rm(path, { force: true });
  } finally {
    await rm(marker, { force: true });
  }
}

async function createMarker(marker: string): Promise<boolean> {
  try {
    await writeFile(marker, "", { flag: "wx", mode: 0o600 });
    return true;
  } catch (thrown) {
    if (!hasCode(thrown, "EEXIST")) throw thrown;
    const age = await stat(marker).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > markerMaxMs) await rm(marker, { force: true }); // its process died in between
    return false;
  }
}

async function release(path: string, own: Holder): Promise<void> {
  if ((await readLock(path)) !== JSON.stringify(own)) return;
  await unlink(path).catch(() => {}); // a lock that stays is stale as soon as this process ends
}

function heldError(directory: string, holder: Holder): TidewireError {
  const message =
    `the data directory ${directory} is in use by process ${holder.pid}. ` +
    "Stop that process, or name another directory with TIDEWIRE_DATA_DIR.";
  return new TidewireError(ErrorCode.UNAVAILABLE, message);
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
