import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { type Clock, systemClock } from "../../runtime/clock.js";
import { openStore, type Store } from "../../services/store/store.js";
import { sharedPostgres } from "./postgres.js";

/** What the store runs on. */
export const engines = ["postgresql", "embedded"] as const;
export type Engine = (typeof engines)[number];

/** Opens an empty store of its own: a new database of the shared server, or a new directory that goes with its disposal. */
export async function openTestStore(engine: Engine, clock: Clock = systemClock): Promise<Store> {
  if (engine === "postgresql") {
    const url = await (await sharedPostgres()).createDatabase();
    return openStore({ database: { kind: "server", url }, clock });
  }
  const directory = await mkdtemp(join(tmpdir(), "tidewire-store-"));
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
