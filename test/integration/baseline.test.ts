import assert from "node:assert/strict";
import { it } from "node:test";
import { sleep, systemClock } from "../../runtime/clock.js";
import type { Credentials } from "../../tools/bench/generator/generator-calls.js";
import { mapBounded } from "../../tools/bench/generator/map-bounded.js";
import { type Member, openMember } from "../../tools/bench/generator/member.js";
import { messageOf } from "../../tools/bench/generator/workload.js";
import { type BenchDatabase, createDatabase } from "../../tools/bench/stage/database.js";
import { createGroup, createPopulation } from "../../tools/bench/stage/prepare.js";
import { forkHelper } from "../../tools/bench/stage/processes.js";
import type { CountedServerCalls, ServerStock } from "../support/counted-server-calls.js";

const waves = 20;
/** Connections of a wave: those of a group that is delivered by conversation, and those of one that is delivered by user. */
const crowdSizes = [400, 100] as const;
const perWave = 500;
/** What a server compiles and caches once is no leak. */
const warmupWaves = 3;
/** Longer than anything is remembered for no reason. */
const idleMs = 150_000;
const heapSlackBytes = 2 * 1024 * 1024;
/** Connections to the database are opened when they are needed for the first time, which may be late, and stay. */
const databaseConnectionsMax = 10;
const patienceMs = 30_000;

it("is back at its baseline after 10,000 connections have come and gone", async (test) => {
  await using database = await createDatabase("postgresql");
  const { tokenKey, credentials } = await populate(database);
  const passive = { signal: new AbortController().signal, profileDirectory: undefined };
  await using server = forkHelper<CountedServerCalls>(
    new URL("../support/counted-server.js", import.meta.url),
    passive,
  );
  const { TIDEWIRE_DATABASE_URL: databaseUrl = "", TIDEWIRE_DATA_DIR: dataDir = "" } = database.env;
  const port = await server.call("start", { databaseUrl, tokenKey, dataDir });

  /** Users who have never been here come, hear a message, and go: what stays of a user or of a conversation adds up. */
  async function playWave(number: number, whenCrowded: () => Promise<void> = async () => {}): Promise<void> {
    const newcomers = credentials.slice((number - 1) * perWave, number * perWave);
    const [many, few] = [newcomers.slice(0, crowdSizes[0]), newcomers.slice(crowdSizes[0])];
    const crowds = [await gather(many, port), await gather(few, port)];
    const arrived = await Promise.all(crowds.map((crowd) => arriveAll(crowd, port)));
    await Promise.all(arrived.map((visitors) => speak(visitors)));
    await whenCrowded();
    await Promise.all(arrived.map(departAll));
    await until(async () => (await server.call("connections", undefined)) === 0, "all connections are gone");
  }

  const takeStock = () => server.call("takeStock", undefined);
  async function takeStockAtRest(): Promise<ServerStock> {
    await server.call("leap", { ms: idleMs });
    return takeStock();
  }

  let wave = 0;
  while (wave < warmupWaves) await playWave(++wave);
  const before = await takeStockAtRest();
  while (wave < warmupWaves + waves - 1) await playWave(++wave);
  let crowded = before;
  await playWave(++wave, async () => {
    crowded = await takeStock();
  });
  const after = await takeStockAtRest();
  const { connections, sessions, conversations = 0 } = crowded.sizes;
  assert.deepEqual([connections, sessions], [perWave, perWave]);
  assert.ok(conversations >= crowdSizes.length, "the conversations of earlier waves are remembered for a while");
  assert.deepEqual(after.sizes, before.sizes);
  assert.deepEqual(after.gauges, before.gauges);
  assert.equal(after.timers, before.timers, "timers of the clock");
  const newFiles = after.openFiles - before.openFiles;
  assert.ok(newFiles <= databaseConnectionsMax, `${newFiles} files more are open than before`);
  const grownBytes = after.heapBytes - before.heapBytes;
  test.diagnostic(
    `heap before ${before.heapBytes}, with ${perWave} connections ${crowded.heapBytes}, after ${after.heapBytes}`,
  );
  assert.ok(grownBytes < heapSlackBytes, `the heap has grown by ${grownBytes} bytes, from ${before.heapBytes}`);
});

async function populate(database: BenchDatabase) {
  await using store = await database.open();
  return createPopulation(store, (warmupWaves + waves) * perWave);
}

type Crowd = Readonly<{ credentials: readonly Credentials[]; conversationId: bigint }>;

async function gather(credentials: readonly Credentials[], port: number): Promise<Crowd> {
  const { conversationId } = await createGroup(port, credentials, () => {});
  return { credentials, conversationId };
}

type Visitor = Readonly<{
  userId: bigint;
  member: Member;
  departs: (typeof departures)[number];
  pushes(): number;
  isGone(): boolean;
}>;

/** How connections end, in turns. `cut-early`: before the device has acknowledged what it got. */
const departures = ["cut-early", "cut", "close", "logout"] as const;

function arriveAll({ credentials, conversationId }: Crowd, port: number): Promise<Visitor[]> {
  const numbered = credentials.map((credential, index) => ({ credential, departs: departures[index % 4] ?? "cut" }));
  return mapBounded(numbered, 32, ({ credential, departs }) => arrive(credential, { port, conversationId, departs }));
}

async function arrive(
  { userId, ...credential }: Credentials,
  { departs, ...place }: { port: number; conversationId: bigint; departs: Visitor["departs"] },
): Promise<Visitor> {
  let pushed = 0;
  let isGone = false;
  const delivered = (pushes: number) => {
    pushed += pushes;
  };
  const lost = () => {
    isGone = true;
  };
  const member = await openMember({ ...credential, ...place, inboxBytes: 0, delivered, lost });
  if (departs === "cut-early") member.acks.hold();
  return { userId, member, departs, pushes: () => pushed, isGone: () => isGone };
}

/** One speaks, and all hear it. */
async function speak(visitors: readonly Visitor[]): Promise<void> {
  const [speaker] = visitors;
  assert.ok(speaker);
  speaker.member.prepare(messageOf(1, speaker.userId, speaker.member.device));
  speaker.member.send();
  await until(() => visitors.every(({ pushes }) => pushes() > 0), "everybody hears the message");
  const patient = visitors.filter(({ departs }) => departs !== "cut-early");
  await until(() => patient.every(({ member }) => !member.acks.isPending), "acks have left");
}

async function departAll(visitors: readonly Visitor[]): Promise<void> {
  for (const { member, departs } of visitors) {
    if (departs === "close" || departs === "logout") member.leave(departs);
    else member[Symbol.dispose]();
  }
  const polite = visitors.filter(({ departs }) => departs === "close" || departs === "logout");
  await until(() => polite.every(({ isGone }) => isGone()), "the server has closed");
}

/** Waits for what another process brings about. */
async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + patienceMs;
  while (!(await isTrue())) {
    assert.ok(systemClock.monotonicMs() < deadlineMs, `in vain: ${what}`);
    await sleep(systemClock, 5);
  }
}
