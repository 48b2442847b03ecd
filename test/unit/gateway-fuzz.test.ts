import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { closeMeanings } from "../../gen/ts/tidewire/v1/close-codes.js";
import { createConnectionWorld, type TestSocket } from "../support/connection-world.js";
import { createMessageMaker, createRandom } from "../support/frame-mutation.js";

const messagesInAll = 100_000;
const messagesPerConnection = 40;
/** Any seed will do; a failure is repeated by the one that it names. */
const seed = 20_250_601;
/** Of processor time, for others may have the processor as well. Far more than is needed, far less than a hang. */
const maxMs = 20_000;

function collectGarbage(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

/** What one connection has been through, once it has gone. */
function examine(socket: TestSocket, counts: Map<string, number>) {
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const frame of socket.frames()) count(String(frame.case));
  const { code } = socket.closed ?? { code: 0 };
  assert.ok(code === 0 || code in closeMeanings, `close code ${code}`);
  count(code === 0 ? "left open" : `closed ${code}`);
}

describe("a connection that is sent anything at all", () => {
  it(`survives ${messagesInAll} messages, answers in whole frames, closes by known codes, and leaves nothing behind`, async () => {
    const random = createRandom(seed);
    const makeMessage = createMessageMaker(random);
    const { clock, connect, context, hub, routes } = createConnectionWorld();
    const counts = new Map<string, number>();
    const before = collectGarbage();
    const started = process.cpuUsage();
    const spentMs = () => process.cpuUsage(started).user / 1_000;

    for (let sent = 0; sent < messagesInAll; ) {
      const socket = connect();
      if (random() < 0.9) await socket.login(`user ${Math.floor(random() * 50)}`);
      for (let turn = 0; turn < messagesPerConnection && !socket.closed && sent < messagesInAll; turn++, sent++) {
        socket.sendBytes(makeMessage());
        if (random() < 0.1) await clock.settle(50);
      }
      if (!socket.closed) socket.connection.closed();
      socket.connection.dispatch({ kind: "tick" });
      examine(socket, counts);
      assert.ok(spentMs() < maxMs, `seed ${seed}: ${sent} messages took more than ${maxMs} ms`);
    }

    await clock.settle(1_000);
    assert.equal(hub.sessionCount, 0);
    assert.equal(routes.size, 0);
    assert.equal(clock.pending, 0);
    context.rates.forgetIdle(Number.POSITIVE_INFINITY);
    assert.equal(context.rates.size, 0);
    await context.lanes.drained(AbortSignal.timeout(1_000));
    const grownBytes = collectGarbage() - before;
    assert.ok(grownBytes < 16 * 1024 * 1024, `seed ${seed}: the heap has grown by ${grownBytes} bytes`);
    for (const reached of [
      "loginOk",
      "upAck",
      "upNack",
      "syncPage",
      "headsPage",
      "heartbeatOk",
      "error",
      "closed 4500",
    ]) {
      assert.ok((counts.get(reached) ?? 0) > 50, `seed ${seed}: ${reached} in ${JSON.stringify([...counts])}`);
    }
  });
});
