import { connect, type Sql } from "../../services/store/sql.js";

/** One side of a race: a connection of its own, and what it does on it, one step after the other. */
export type Actor = Readonly<{ name: string; steps: readonly ((sql: Sql) => Promise<unknown>)[] }>;

/** All orders in which the steps of several actors can be begun, each as a list of indexes of actors. */
export function allOrders(stepCounts: readonly number[]): number[][] {
  if (stepCounts.every((count) => count === 0)) return [[]];
  return stepCounts.flatMap((count, actor) => {
    if (count === 0) return [];
    const rest = stepCounts.map((other, index) => (index === actor ? count - 1 : other));
    return allOrders(rest).map((order) => [actor, ...order]);
  });
}

/** Runs races on a PostgreSQL server, each actor on its own connection. */
export interface Race extends AsyncDisposable {
  /**
   * Begins the actors' steps in this order. A step is begun when the one before it has ended or waits for a lock; a step of an
   * actor that waits is begun as soon as its actor gets on. Resolves when all have ended; rejects if one fails.
   */
  run(actors: readonly Actor[], order: readonly number[]): Promise<void>;
}

export async function createRace(url: string, actorsMax: number): Promise<Race> {
  const address = { kind: "server", url } as const;
  const connections = Array.from({ length: actorsMax }, () => connect(address, { max: 1 }));
  const observer = connect(address, { max: 1 });
  const pids = await Promise.all(
    connections.map(async (sql) => {
      const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
      return row?.pid ?? 0;
    }),
  );

  async function waitsForLock(actor: number): Promise<boolean> {
    const waiting = await observer`select from pg_locks where pid = ${pids[actor] ?? 0} and not granted`;
    return waiting.length > 0;
  }

  return {
    async run(actors, order) {
      const progress = actors.map(() => ({ next: 0, pending: 0, failed: false, done: Promise.resolve() }));
      for (const index of order) {
        const [actor, own, sql] = [actors[index], progress[index], connections[index]];
        const step = actor?.steps[own?.next ?? 0];
        if (own === undefined || sql === undefined || step === undefined)
          throw new Error("an order has too many steps");
        own.next += 1;
        own.pending += 1;
        own.done = own.done.then(async () => {
          await step(sql);
          own.pending -= 1;
        });
        own.done.catch(() => {
          own.failed = true; // reported at the end
        });
        while (own.pending > 0 && !own.failed && !(await waitsForLock(index)));
      }
      const ends = await Promise.allSettled(progress.map((own) => own.done));
      const failure = ends.find((end) => end.status === "rejected");
      if (failure === undefined) return;
      await Promise.all(connections.map((sql) => sql`rollback`)); // for the next race
      throw failure.reason;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...connections, observer].map((sql) => sql.end({ timeout: 1 })));
    },
  };
}
