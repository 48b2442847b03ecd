import type { Clock } from "../../../runtime/clock.js";
import { createTcpProxy } from "../../../test/endurance/tcp-proxy.js";
import { type DropKind, dropKinds } from "./spells.js";

/** What lies between one device and the server, and drops the connection now and then. Its disposal cuts everything. */
export interface DroppingNetwork extends AsyncDisposable {
  /** Where the device connects to, on loopback. */
  readonly port: number;
  /** Drops the connection that is open, in a way that chance takes. */
  drop(): DropKind;
}

/** How long a half-open connection stays so before both sides are told, in milliseconds: as a phone that changes networks. */
const halfOpenMs = 1_000;
/** Bytes that pass before a cut, at most: about two frames. */
const passMaxBytes = 400;

export async function createDroppingNetwork(options: {
  targetPort: number;
  clock: Clock;
  random: () => number;
}): Promise<DroppingNetwork> {
  const { clock, random } = options;
  const proxy = await createTcpProxy(options);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)];
  const dropAs: Readonly<Record<DropKind, () => void>> = {
    reset: () => proxy.reset(),
    cut: () => proxy.truncate(pick(["up", "down"] as const) ?? "up", 1 + Math.floor(random() * passMaxBytes)),
    "half-open"() {
      const silenced = proxy.halfOpen(["up", "down"]);
      clock.after(halfOpenMs, () => silenced.reset());
    },
  };
  return {
    port: proxy.port,
    drop() {
      const kind = pick(dropKinds) ?? "reset";
      dropAs[kind]();
      return kind;
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
