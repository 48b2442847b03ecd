import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";

/** Holds a file as a sign that a directory is in use, for as long as this process lives or until it is released. */
export interface LockFile {
  release(): Promise<void>;
}

type Owner = { pid: number; startedAt: string };

/** Locks of this process; its own pid says nothing about them. */
const held = new Set<string>();

/**
 * Takes the lock at `path`. A lock whose process is gone, killed for instance, is taken over.
 * @throws Error that names the process if another one holds it.
 */
export async function takeLockFile(path: string): Promise<LockFile> {
  if (held.has(path)) throw inUse(path, process.pid);
  held.add(path);
  try {
    await claim(path);
  } catch (error) {
    held.delete(path);
    throw error;
  }
  return {
    async release() {
      if (!held.delete(path)) return;
      await rm(path, { force: true });
    },
  };
}

async function claim(path: string): Promise<void> {
  const own = `${path}.${randomUUID()}`;
  const startedAt = await startOf(process.pid);
  await writeFile(own, JSON.stringify({ pid: process.pid, startedAt } satisfies Owner), { mode: 0o600 });
  try {
    // A link is made whole or not at all, and never over an existing file.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (await tryLink(own, path)) return;
      await evict(path);
    }
    throw inUse(path, undefined);
  } finally {
    await unlink(own);
  }
}

/** Removes a lock whose owner is gone. Throws if its owner lives. */
async function evict(path: string): Promise<void> {
  const seen = await readOrEmpty(path);
  const owner = parseOwner(seen);
  if (owner !== undefined && (await isAlive(owner))) throw inUse(path, owner.pid);
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // Another process was faster. The next attempt sees who.
  }
  // Between reading and renaming, another process may have evicted the same lock and made its own: that one goes back.
  if ((await readOrEmpty(aside)) !== seen) await tryLink(aside, path);
  await unlink(aside);
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<Owner>;
    return typeof pid === "number" && typeof startedAt === "string" ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  // Not in `held`, so it is not ours: an earlier process had this number.
  if (owner.pid === process.pid) return owner.startedAt === (await startOf(owner.pid));
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return owner.startedAt === (await startOf(owner.pid));
}

/**
 * When a process began, in its system's terms, because pids are used again. Empty where that cannot be told; "ended" for
 * one that was killed and that its parent has not waited for.
 */
async function startOf(pid: number): Promise<string> {
  const stat = await readOrEmpty(`/proc/${pid}/stat`);
  // The command in parentheses may contain anything; the start time is the 20th field after it (proc(5), field 22).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "ended" : (fields[19] ?? "");
}

function inUse(path: string, pid: number | undefined): Error {
  return new Error(`in use by ${pid === undefined ? "another process" : `process ${pid}`} (lock file ${path})`);
}
