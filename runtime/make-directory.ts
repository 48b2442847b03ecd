import { existsSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Creates a directory that only its owner can enter (0700), and its missing parents. One that is there stays as it is.
 * Node's own recursive `mkdir` tries for ever where a parent exists but can have no children, as `/proc` does.
 * @throws Error of the file system, such as ENOTDIR, EACCES or ENOENT.
 */
export async function makeDirectory(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  const parent = dirname(path);
  if (!existsSync(parent)) await makeDirectory(parent);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    if (!(await isDirectory(path))) throw thrown; // somebody else may have been faster
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
