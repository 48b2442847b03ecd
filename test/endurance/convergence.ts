import { sleep } from "../../runtime/clock.js";
import type { DeviceStatus } from "./device.js";
import { withDatabase } from "./read-evidence.js";
import type { World } from "./world.js";

/** How a run came to rest. */
export type Convergence = { kind: "converged" } | { kind: "behind"; devices: readonly string[] };

const pollMs = 250;

/** Waits until every device is connected, has sent what it had to send, and has all that there is for it; at most `withinMs`. */
export async function untilConverged(world: World, withinMs: number): Promise<Convergence> {
  const { clock, signal } = world;
  const deadlineMs = clock.monotonicMs() + withinMs;
  for (;;) {
    const devices = await findBehind(world);
    if (devices.length === 0) return { kind: "converged" };
    if (clock.monotonicMs() >= deadlineMs) return { kind: "behind", devices };
    await sleep(clock, pollMs, signal);
  }
}

/** What is the matter with each device that is not where it should be. */
async function findBehind(world: World): Promise<string[]> {
  const statuses = await world.crews.status();
  const unsettled = statuses.filter(({ connection, unsent }) => connection !== "ready" || unsent > 0);
  if (unsettled.length > 0) return unsettled.map(describeStatus);
  const marks = await readMarks(world.database.url);
  const { population } = world;
  return statuses.flatMap((status) => {
    const user = population.users[status.device % population.users.length];
    const behind = (marks.get(user?.userId ?? "") ?? []).filter(({ conversationId, endSeq, readSeq }) => {
      const { cursors, reads } = status;
      return (cursors[conversationId] ?? 0) < endSeq || readSeq < (reads[conversationId] ?? 0);
    });
    return behind.map(
      ({ conversationId, endSeq }) =>
        `${status.deviceId} holds ${conversationId} up to ${status.cursors[conversationId] ?? 0} of ${endSeq}`,
    );
  });
}

export function describeStatus({ deviceId, connection, unsent }: DeviceStatus): string {
  return unsent > 0 ? `${deviceId} ${connection}, ${unsent} unsent` : `${deviceId} ${connection}`;
}

type Mark = { conversationId: string; endSeq: number; readSeq: number };

/** By user: up to where a member, present or past, may hold each conversation, and has read it. */
async function readMarks(databaseUrl: string): Promise<Map<string, Mark[]>> {
  const rows = await withDatabase(
    databaseUrl,
    (sql) => sql<{ user_id: bigint; id: bigint; end_seq: bigint; read_seq: bigint }[]>`
      select user_id, conversation_id as id,
        max(coalesce(to_seq, head_seq)) as end_seq, max(read_seq) as read_seq
      from member join conversation using (conversation_id)
      group by user_id, conversation_id`,
  );
  const marks = new Map<string, Mark[]>();
  for (const { user_id, id, end_seq, read_seq } of rows) {
    const mark = { conversationId: String(id), endSeq: Number(end_seq), readSeq: Number(read_seq) };
    marks.set(String(user_id), [...(marks.get(String(user_id)) ?? []), mark]);
  }
  return marks;
}
