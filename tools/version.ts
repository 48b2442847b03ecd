import { existsSync, readFileSync } from "node:fs";

/** As in this project's package.json, wherever the compiled file lies below it. */
export const version: string = findVersion(new URL(".", import.meta.url));

function findVersion(folder: URL): string {
  const file = new URL("package.json", folder);
  const found = existsSync(file)
    ? (JSON.parse(readFileSync(file, "utf8")) as { name: string; version: string })
    : undefined;
  if (found?.name === "tidewire") return found.version;
  const parent = new URL("..", folder);
  if (parent.href === folder.href) throw new Error("no package.json of tidewire in any folder above this file");
  return findVersion(parent);
}
