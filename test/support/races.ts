import assert from "node:assert/strict";
import {
  type AppendOutcome,
  type AppendRow,
  type AppendSender,
  append,
  type Placed,
} from "../../services/message/append.js";
import { appendEvent } from "../../services/message/append-event.js";
import { connect, type Sql } from "../../services/store/sql.js";
import { openStore, type Transaction } from "../../services/store/store.js";
import { type Actor, allOrders, createRace, type Race } from "./interleave.js";
import { sharedPostgres } from "./postgres.js";

export type RaceStep = Actor["steps"][number];

/** Who races in one world, and what has to hold when all have ended. */
export type RaceStory = { actors: Actor[]; check: () => Promise<void> };

/** A fresh database, and three connections for those who race in it. */
export interface RaceWorld extends AsyncDisposable {
  readonly url: string;
  /** For what comes before and after a race. */
  readonly sql: Sql;
  /** Runs one story for every order of the steps of its actors. @returns how many that were. */
  everyOrder(build: () => Promise<RaceStory>): Promise<number>;
  /** Runs the steps of these actors in this order, each number being an actor's. */
  inOrder: Race["run"];
  /** A transaction that holds a lock until both others wait, of three steps each, with what they hold by then. */
  behind(hold: RaceStep, first: Actor, second: Actor): Promise<void>;
}

export async function openRaceWorld(): Promise<RaceWorld> {
  const url = await (await sharedPostgres()).createDatabase();
  await (await openStore({ database: { kind: "server", url } }))[Symbol.asyncDispose]();
  const sql = connect({ kind: "server", url }, { max: 2 });
  const race = await createRace(url, 3);
  return {
    url,
    sql,
    everyOrder: (build) => runEveryOrder(race, build),
    inOrder: race.run,
    behind: (hold, first, second) =>
      race.run([transaction("holder", hold), first, second], [0, 0, 1, 1, 2, 2, 0, 1, 2]),
    async [Symbol.asyncDispose]() {
      await race[Symbol.asyncDispose]();
      await sql.end({ timeout: 1 });
    },
  };
}

async function runEveryOrder(race: Race, build: () => Promise<RaceStory>): Promise<number> {
  const orders = allOrders((await build()).actors.map((actor) => actor.steps.length));
  for (const order of orders) {
    const { actors, check } = await build();
    const story = order.map((index) => actors[index]?.name).join(", ");
    await race.run(actors, order).catch((cause: unknown) => assert.fail(`${story}: ${cause}`));
    await check().catch((cause: unknown) => assert.fail(`${story}: ${cause}`));
  }
  return orders.length;
}

/** `work` in a transaction, in three steps. */
export function transaction(name: string, work: RaceStep): Actor {
  return { name, steps: [(sql) => sql`begin`, work, (sql) => sql`commit`] };
}

/** A message by itself is appended by another function of the database than one that is in a batch with others. */
export const companies = ["alone", "in company"] as const;
export type Company = (typeof companies)[number];

export type Appending = Readonly<{ end?: "commit" | "rollback"; nowMs?: number; company?: Company }>;

/** Nobody's message, of which nothing is stored. */
const stranger: AppendSender = { userId: 1n, device: 1, epoch: 1n };

/** A transaction that appends one row, in two steps: the append, and its end. */
export function appending(
  sender: AppendSender,
  message: AppendRow,
  { end = "commit", nowMs = 1, company = "alone" }: Appending = {},
) {
  const batch =
    company === "alone"
      ? { senders: [sender], rows: [message], nowMs }
      : { senders: [sender, stranger], rows: [message, { ...message, sender: 1 }], nowMs };
  const result: { outcome: AppendOutcome | undefined } = { outcome: undefined };
  const steps = [
    async (sql: Sql) => {
      await sql`begin`;
      [result.outcome] = await append(sql, batch);
    },
    (sql: Sql) => sql.unsafe(end),
  ];
  return { name: "append", steps, result };
}

export function placedBy({ result: { outcome } }: ReturnType<typeof appending>): Placed {
  assert.ok(outcome?.kind === "stored");
  return outcome.placed;
}

/** An entry that says nothing, appended under the lock that the caller holds. */
export function appendSystemEntry(tx: Transaction, conversationId: bigint) {
  const event = { $typeName: "tidewire.v1.Event", kind: { case: undefined } } as const;
  return appendEvent(tx, { conversationId, event, messageId: conversationId + 1n, sentAtMs: 1 });
}
