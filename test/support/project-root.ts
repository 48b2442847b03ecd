import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of buf.yaml, wherever the compiled tests lie below it. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, "buf.yaml"))) return folder;
  if (dirname(folder) === folder) throw new Error("no buf.yaml in any folder above this file");
  return findRoot(dirname(folder));
}
