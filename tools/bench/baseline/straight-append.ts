import { create } from "@bufbuild/protobuf";
import { MessageSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import { createIdGenerator, type IdGenerator } from "../../../runtime/ids.js";
import type { AppendOutcome, AppendRow } from "../../../services/message/append.js";
import type { LogStore } from "../../../services/message/log-store.js";
import { createLogStore } from "../../../services/message/sql-log-store.js";
import { openStore, type Store } from "../../../services/store/store.js";
import { watchBusyness } from "../generator/busyness.js";
import type { Seat } from "../generator/generator-calls.js";
import { createLogFollower, type Holding } from "../generator/log-follower.js";
import { toMachineUs } from "../generator/machine-clock.js";
import { textOf } from "../generator/workload.js";
import { appendDevice, openDevices, toAppendRow, toAppendSender } from "../stage/append-rows.js";
import { serveCalls } from "../stage/calls.js";
import { dealOut } from "../stage/crew.js";
import type { StraightAppendCalls, StraightOpenRequest } from "./straight-append-calls.js";

/**
 * The baseline of `ingest`: the append that the server uses, called on the store without anything before or after it. No sockets,
 * no frames, no lanes, no publishing; nobody is told anything.
 */
type Sender = { readonly seat: Seat; sent: number };
type Opened = Readonly<{ store: Store; logs: LogStore; ids: IdGenerator; lanes: Lane[]; request: StraightOpenRequest }>;
/** Senders take turns; `next` is whose turn it is. */
type Lane = { readonly senders: Sender[]; next: number };

let opened: Opened | undefined;

async function open(request: StraightOpenRequest): Promise<void> {
  const database = { kind: "server", url: request.databaseUrl } as const;
  const store = await openStore({ database, appendConnectionsMax: request.lanes });
  await openDevices(
    store.sql,
    request.seats.map(({ userId }) => userId),
  );
  const senders = request.seats.map((seat): Sender => ({ seat, sent: 0 }));
  const lanes = dealOut(senders, request.lanes).map((own) => ({ senders: own, next: 0 }));
  const ids = createIdGenerator({ ...store.nodeLease, clock: systemClock });
  opened = { store, logs: createLogStore(store.sql, store.appends), ids, lanes, request };
}

function makeBatch(lane: Lane, batchMessages: number, { ids, request: { perSender, textBytes } }: Opened) {
  const senders: Sender[] = [];
  const rows: AppendRow[] = [];
  while (rows.length < batchMessages && senders.length < lane.senders.length) {
    const sender = lane.senders[lane.next++ % lane.senders.length];
    if (!sender) break;
    senders.push(sender);
    for (let own = 0; own < perSender && rows.length < batchMessages; own++)
      rows.push(
        toAppendRow({ index: senders.length - 1, number: ++sender.sent, ...sender.seat }, ids.next(), textBytes),
      );
  }
  return { senders: senders.map(({ seat }) => toAppendSender(seat)), rows };
}

/** A sender is alone in its conversation, which has no other messages, so the seq of each is its number. */
function check(rows: readonly AppendRow[], outcomes: readonly AppendOutcome[]): void {
  const isStored = (row: AppendRow, outcome: AppendOutcome | undefined) =>
    outcome?.kind === "stored" && !outcome.duplicate && outcome.placed.seq === row.clientId;
  if (!rows.every((row, index) => isStored(row, outcomes[index])))
    throw new Error("a message of the straight append was not stored in its place");
}

async function run({ batchMessages, seconds }: { batchMessages: number; seconds: number }) {
  const now = requireOpened();
  const storedBySecond = Array<number>(seconds).fill(0);
  let messages = 0;
  const busyness = watchBusyness();
  const startMs = performance.now();
  const sinceMs = () => performance.now() - startMs;
  const runLane = async (lane: Lane) => {
    while (sinceMs() < seconds * 1_000) {
      const { senders, rows } = makeBatch(lane, batchMessages, now);
      check(rows, await now.logs.append({ senders, rows, nowMs: systemClock.nowMs() }));
      messages += rows.length;
      const second = Math.floor(sinceMs() / 1_000);
      if (second < seconds) storedBySecond[second] = (storedBySecond[second] ?? 0) + rows.length;
    }
  };
  await Promise.all(now.lanes.map(runLane));
  return { startUs: toMachineUs(startMs), messages, elapsedMs: sinceMs(), storedBySecond, busyness: busyness() };
}

async function close(): Promise<Holding[]> {
  const { store, lanes, request } = requireOpened();
  await store[Symbol.asyncDispose]();
  return lanes.flatMap(({ senders }) => senders.map((sender) => toHolding(sender, request.textBytes)));
}

function toHolding({ seat, sent }: Sender, textBytes: number): Holding {
  const { userId: senderId, conversationId, headSeq } = seat;
  const follower = createLogFollower({ holder: `straight user ${senderId}`, conversationId, headSeq, textBytes });
  for (let number = 1; number <= sent; number++) {
    const text = textOf(number, senderId, textBytes);
    const content = { body: { case: "text", value: { text } } } as const;
    const place = {
      conversationId,
      seq: BigInt(number),
      senderId,
      senderDevice: appendDevice,
      clientId: BigInt(number),
    };
    follower.follow(create(MessageSchema, { ...place, content }));
  }
  return follower.holding;
}

function requireOpened(): Opened {
  if (!opened) throw new Error("the database is not open");
  return opened;
}

const calls: StraightAppendCalls = { open, run, close };
serveCalls(calls);
