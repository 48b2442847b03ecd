import type { Store } from "../../../services/store/store.js";
import type { Credentials, Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { textBytes } from "../generator/workload.js";
import type { ScenarioDeps } from "../scenario.js";
import { type BareStage, playOnBareStage, type RaisedLimits } from "../stage/bare-stage.js";
import { openDirects, type Pair } from "../stage/directs.js";
import { findBehind, verifyLogs } from "../stage/durable-logs.js";
import type { RowsVerdict } from "../stage/durable-rows.js";
import { openFullGroups } from "../stage/groups.js";
import type { StormOptions } from "./options.js";

/** A server with and one without service threads. */
export const variants = ["without", "with"] as const;
export type Variant = (typeof variants)[number];
export type OfEach<Value> = Readonly<Record<Variant, Value>>;

/** Who is to write meanwhile, and who is to come. */
export type Cast = Readonly<{ pairs: readonly Pair[]; devices: readonly Seat[] }>;

/** A server, and whom it knows. */
export type StormStage = BareStage & Cast;

/** What all hold in the end. */
export type Held = Readonly<{ live: readonly Holding[]; synced: readonly Holding[] }>;

/** What the databases have of it. */
export type StormVerdict = OfEach<Readonly<{ live: RowsVerdict; synced: RowsVerdict }>>;

/** Devices all come from one address. */
export function raisedLimitsOf({ logins }: StormOptions): RaisedLimits {
  return { unauthenticatedPerIpMax: logins + marginOf(logins) };
}

/** A server notices a login a little later than the device that is let in. */
function marginOf(logins: number): number {
  return Math.max(16, logins);
}

/**
 * Prepares two servers, each with a database of its own, lets `play` put them under load, and compares both databases with what was
 * held in the end.
 * @throws Error if a part does not start, or ends early.
 */
export async function playOnBoth<Result extends OfEach<Held>>(
  options: StormOptions,
  deps: ScenarioDeps,
  play: (stages: OfEach<StormStage>) => Promise<Result>,
): Promise<Readonly<{ result: Result; database: string; rows: StormVerdict }>> {
  const outer = await playOnOne(options, withThreads(deps, 0), {
    play: (stage) =>
      playOnOne(options, withThreads(deps, options.threads), {
        play: (other) => play({ without: stage, with: other }),
        heldOf: (result) => result.with,
      }),
    heldOf: ({ result }) => result.without,
  });
  const { result: inner, database } = outer;
  return { result: inner.result, database, rows: { without: outer.rows, with: inner.rows } };
}

function withThreads(deps: ScenarioDeps, threads: number): ScenarioDeps {
  return { ...deps, serverSettings: { ...deps.serverSettings, serviceThreads: String(threads) } };
}

function playOnOne<Result>(
  options: StormOptions,
  deps: ScenarioDeps,
  { play, heldOf }: { play: (stage: StormStage) => Promise<Result>; heldOf: (result: Result) => Held },
) {
  const stageOptions = { members: 2 * options.pairs + options.devices, raisedLimits: raisedLimitsOf(options) };
  return playOnBareStage(stageOptions, deps, {
    prepare: (store, credentials) => prepare(store, credentials, options),
    play: (stage, cast) => play({ ...stage, ...cast }),
    verify: async (store, result, cast) => ({ rows: await verify(store, heldOf(result), cast) }),
  });
}

async function prepare(store: Store, credentials: readonly Credentials[], options: StormOptions): Promise<Cast> {
  const { pairs, groupMembers: members, messages } = options;
  return {
    pairs: await openDirects(store, credentials.slice(0, 2 * pairs)),
    devices: await openFullGroups(store, credentials.slice(2 * pairs), { members, messages, textBytes }),
  };
}

async function verify({ sql }: Store, { live, synced }: Held, { pairs, devices }: Cast) {
  const writers = pairs.flat();
  const behind = [...(await findBehind(sql, writers)), ...(await findBehind(sql, devices))];
  const own = await verifyLogs(sql, { seats: writers, holdings: live, textBytes });
  return {
    live: { ...own, problems: [...own.problems, ...behind] },
    synced: await verifyLogs(sql, { seats: devices, holdings: synced, textBytes }),
  };
}
