import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe } from "node:test";
import { type Clock, systemClock } from "../../runtime/clock.js";
import { silentLogger } from "../../runtime/log.js";
import { openEmbedded } from "../../services/store/embedded.js";
import { openStore, type Store } from "../../services/store/store.js";
import { sharedPostgres } from "./postgres.js";
import { projectRoot } from "./project-root.js";

/** What the store runs on. */
export const engines = ["postgresql", "embedded"] as const;
export type Engine = (typeof engines)[number];

/** Opens an empty store of its own: a new database of the shared server, or a new directory that goes with its disposal. */
export async function openTestStore(engine: Engine, clock: Clock = systemClock): Promise<Store> {
  if (engine === "postgresql") {
    const url = await (await sharedPostgres()).createDatabase();
    return openStore({ database: { kind: "server", url }, clock });
  }
  const directory = await createEmbeddedDirectory();
  const store = await openStore({ database: { kind: "embedded", directory }, clock });
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A new data directory with a database in it that is still empty. Copied, because creating one costs six seconds of a core; the
 * original is made by the first test that needs it, and kept for later runs.
 */
export async function createEmbeddedDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tidewire-store-"));
  const { version } = JSON.parse(
    await readFile(join(projectRoot, "node_modules/@electric-sql/pglite/package.json"), "utf8"),
  );
  const template = join(projectRoot, "node_modules/.cache/tidewire", `pglite-${version}`);
  if (!existsSync(template)) await createTemplate(template);
  await cp(template, join(directory, "store"), { recursive: true });
  return directory;
}

/** Several processes may do this at the same time: the first one to finish wins. */
async function createTemplate(template: string): Promise<void> {
  await mkdir(dirname(template), { recursive: true });
  const directory = await mkdtemp(`${template}-`);
  await (await openEmbedded(directory, silentLogger))[Symbol.asyncDispose]();
  await rename(join(directory, "store"), template).catch((thrown: unknown) => {
    if (!existsSync(template)) throw thrown;
  });
  await rm(directory, { recursive: true, force: true });
}

/**
 * Registers a suite once for each engine. All tests of a suite share one store, which `store()` gives inside a test: let each
 * test make users of its own.
 */
export function describeOnEachEngine(title: string, body: (store: () => Store, engine: Engine) => void): void {
  for (const engine of engines) {
    describe(`${title} (${engine})`, () => {
      let store: Store | undefined;
      before(async () => {
        store = await openTestStore(engine);
      });
      after(async () => {
        await store?.[Symbol.asyncDispose]();
      });
      body(() => {
        if (store === undefined) throw new Error("the store is open in tests only");
        return store;
      }, engine);
    });
  }
}
