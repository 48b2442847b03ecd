import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const macPath = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/** The program of Chromium or Chrome: the first on the PATH. Undefined if it is not installed. */
export function findChromium(): string | undefined {
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  const paths = directories.flatMap((directory) => names.map((name) => join(directory, name)));
  return [...paths, macPath].find((path) => existsSync(path));
}
