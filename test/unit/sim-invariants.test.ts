import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ContentSchema, MessageSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { encode } from "../../runtime/binary.js";
import { invariants } from "../sim/invariants/check-invariants.js";
import { formatViolation } from "../sim/invariants/invariant.js";
import { copyState, type StoredEntry } from "../sim/store/stored.js";
import { text } from "../support/log-world.js";
import { ann, bob, carl, createScene, deviceOf, type Scene } from "../support/sim-scene.js";

/** Requires that what `spoil` does to a good world breaks this invariant. */
function assertBreaks(invariant: number, spoil: (scene: Scene) => void): void {
  const scene = createScene();
  assert.deepEqual(scene.violations().map(formatViolation), []);
  spoil(scene);
  const broken = scene.violations().map((violation) => violation.invariant);
  assert.ok(broken.includes(invariant), `${invariant} holds; broken: ${broken}`);
}

function assertHolds(change: (scene: Scene) => void): void {
  const scene = createScene();
  change(scene);
  assert.deepEqual(scene.violations().map(formatViolation), []);
}

function change<Item extends object>(items: Item[], index: number, fields: Partial<Item>): void {
  const item = items.at(index);
  if (item === undefined) throw new Error("there is no such item");
  items[index < 0 ? items.length + index : index] = { ...item, ...fields };
}

function changeRow(log: StoredEntry[], index: number, fields: Partial<StoredEntry["row"]>): void {
  const entry = log[index];
  if (entry === undefined) throw new Error("there is no such entry");
  log[index] = { ...entry, row: { ...entry.row, ...fields } };
}

describe("the invariants", () => {
  it("are all there, each once", () => {
    assert.deepEqual(
      invariants.map((invariant) => invariant.number),
      Array.from({ length: 16 }, (_, index) => index + 1),
    );
  });

  it("hold in a world that has done everything right", () => {
    assertHolds(() => {});
  });

  describe("1, acked once at its seq", () => {
    it("sees an acked message that is not in the log", () => {
      assertBreaks(1, ({ direct }) => void direct.log.pop());
    });
    it("sees an ack that names the place of another message", () => {
      const outcome = { kind: "stored" as const, conversationId: 10n, seq: 3n };
      assertBreaks(1, ({ records }) => change(records.upAcksLeft, 0, { outcome }));
      assertBreaks(1, ({ records }) => change(records.upAcksLeft, 0, { outcome: { ...outcome, seq: 99n } }));
    });
    it("sees a message that is stored twice, under one number or two", () => {
      assertBreaks(1, ({ group }) => void group.log.push(...group.log.slice(1, 2)));
      assertBreaks(1, ({ group }) => {
        group.log.push(...group.log.slice(1, 2));
        changeRow(group.log, 5, { seq: 6n, content: encode(ContentSchema, text("something else")) });
      });
      assertBreaks(1, (scene) => {
        scene.say(ann, scene.group, "a1#1", 90);
      });
    });
    it("sees a device that was told of a place where its message is not", () => {
      assertBreaks(1, ({ records }) => change(records.toldStored, 0, { seq: 3n }));
    });
    it("allows for a device that was set back twice to send a message again", () => {
      assertHolds((scene) => {
        const { history, devices } = scene;
        for (const atMs of [80, 81]) {
          const cursors = new Map(devices[0]?.cursors);
          history.booted({ atMs, deviceId: "a1" }, "rolled-back-storage", { outbox: [], cursors });
        }
        scene.say(ann, scene.group, "a1#2", 90);
        scene.records.sent.pop(); // it is the one that was sent before
      });
    });
  });

  describe("2, everything was sent", () => {
    it("sees a message that nobody has sent", () => {
      assertBreaks(2, ({ records }) => void records.sent.shift());
    });
    it("sees one that comes from somebody else, or went elsewhere", () => {
      assertBreaks(2, ({ records }) => change(records.sent, 0, { deviceId: "b1" }));
      assertBreaks(2, ({ records }) => change(records.sent, 0, { target: { kind: "conversation", id: 20n } }));
      assertBreaks(2, ({ records }) => change(records.sent, 3, { target: { kind: "peer", userId: carl } }));
    });
    it("sees other bytes under the same words", () => {
      const padded = Buffer.concat([encode(ContentSchema, text("a1#1")), Uint8Array.of(0x98, 0x06, 1)]);
      assertBreaks(2, ({ group }) => changeRow(group.log, 1, { content: padded }));
    });
    it("sees a sender who was no member", () => {
      assertBreaks(2, (scene) => void scene.say(carl, scene.group, "c1#1", 90));
    });
    it("sees an event of the system that is not true, and what is no event", () => {
      assertBreaks(2, ({ group }) => {
        const member = group.members.get(carl)?.[0];
        if (member !== undefined) member.toSeq = null;
      });
      assertBreaks(2, ({ group }) => {
        const member = group.members.get(carl)?.[0];
        if (member !== undefined) member.fromSeq = 2n;
      });
      assertBreaks(2, ({ group }) => changeRow(group.log, 3, { content: encode(ContentSchema, text("a1#1")) }));
    });
  });

  it("3, seqs without holes: sees a hole, a repeat and a wrong head", () => {
    assertBreaks(3, ({ group }) => void group.log.splice(2, 1));
    assertBreaks(3, ({ group }) => changeRow(group.log, 2, { seq: 2n }));
    assertBreaks(3, ({ group }) => {
      group.headSeq += 1n;
    });
  });

  it("4, orders: sees client_ids, and sendings, in another order", () => {
    assertBreaks(4, ({ group }) => changeRow(group.log, 4, { clientId: 1n }));
    assertBreaks(4, ({ records }) => void records.sent.reverse());
  });

  it("5, outcomes agree: sees two results for one id", () => {
    assertBreaks(5, ({ records }) => {
      const outcome = { kind: "refused" as const, code: ErrorCode.NOT_A_MEMBER };
      records.upAcksLeft.push(...records.upAcksLeft.slice(0, 1));
      change(records.upAcksLeft, -1, { outcome });
    });
    assertHolds(({ records }) => void records.upAcksLeft.push(...records.upAcksLeft.slice(0, 1)));
  });

  describe("6, applied without holes", () => {
    it("sees a seq that is applied twice, and one that is left out", () => {
      assertBreaks(6, ({ records }) => void records.applications.push(...records.applications.slice(-1)));
      assertBreaks(6, ({ records }) => {
        const first = records.applications.findIndex((one) => one.kind === "applied" && one.deviceId === "b1");
        records.applications.splice(first, 1);
      });
    });
    it("allows what a reset covers, and sees a reset that goes back", () => {
      assertHolds(({ records, history }) => {
        const [b1] = records.applications.splice(1, 1);
        const firsts = records.applications.findIndex((one) => one.kind === "applied" && one.deviceId === "b1");
        records.applications.splice(firsts, 1);
        history.reset({ atMs: 9, deviceId: "b1" }, 10n, 1n);
        const reset = records.applications.pop();
        if (b1 !== undefined && reset !== undefined) records.applications.splice(0, 0, b1, reset);
      });
      assertBreaks(6, ({ history }) => history.reset({ atMs: 90, deviceId: "b1" }, 10n, 2n));
    });
    it("sees a storage that has forgotten a cursor, unless it was rolled back", () => {
      const cursors = new Map([[10n, 4n]]);
      const at = { atMs: 90, deviceId: "b1" };
      assertBreaks(6, ({ history }) => history.booted(at, "storage", { outbox: [], cursors }));
      assertHolds(({ history }) => history.booted(at, "rolled-back-storage", { outbox: [], cursors }));
    });
    it("lets a device that starts over begin again", () => {
      assertHolds(({ history, group }) => {
        history.startedOver({ atMs: 90, deviceId: "b1" });
        const entry = group.log[0];
        assert.ok(entry);
        const { conversationId, seq } = entry.row;
        history.applied({ atMs: 91, deviceId: "b1" }, create(MessageSchema, { conversationId, seq }));
      });
    });
  });

  describe("7, convergence", () => {
    it("sees a device that is behind, one that lacks a message, and one that holds another", () => {
      assertBreaks(7, ({ devices }) => void devices[1]?.cursors.set(10n, 4n));
      assertBreaks(7, ({ devices }) => void devices[1]?.held.get(10n)?.splice(2, 1));
      assertBreaks(7, ({ devices }) => void devices[1]?.held.get(10n)?.pop());
      assertBreaks(
        7,
        ({ devices }) => void devices[1]?.held.get(20n)?.splice(0, 1, ...(devices[0]?.held.get(10n) ?? [])),
      );
      assertBreaks(7, ({ devices }) => void devices[2]?.cursors.set(20n, 1n));
      assertBreaks(7, ({ devices }) => {
        const held = devices[1]?.held.get(10n);
        held?.push(...held.slice(-1));
      });
    });
    it("asks only of who has left that it has everything up to there", () => {
      assertBreaks(7, ({ devices }) => void devices[2]?.held.get(10n)?.pop());
      assertBreaks(7, ({ devices }) => void devices[2]?.cursors.set(10n, 5n));
    });
    it("asks nothing of a device that is away, nor before a minute has passed", () => {
      assertHolds(({ devices }) => {
        devices[1]?.cursors.set(10n, 4n);
        Object.assign(devices[1] ?? {}, { presence: "away" });
      });
      assertHolds((scene) => {
        scene.devices[1]?.cursors.set(10n, 4n);
        scene.checkedAtMs -= 2;
      });
    });
    it("asks for no more than the last 200 entries", () => {
      const grow = (scene: Scene) => {
        for (let count = 1; count <= 200; count += 1) scene.say(ann, scene.group, `more ${count}`, 100 + count);
      };
      assertHolds((scene) => {
        grow(scene);
        scene.devices[1]?.held.get(10n)?.splice(0, 5);
      });
      assertBreaks(7, (scene) => {
        grow(scene);
        scene.devices[1]?.held.get(10n)?.splice(0, 6);
      });
    });
  });

  it("8, marks only rise: sees a mark that falls, and one beyond the head", () => {
    assertBreaks(8, ({ state }) => change(state.marks, 1, { seq: 1n }));
    assertBreaks(8, ({ state }) => change(state.marks, 1, { seq: 6n }));
    for (const fields of [{ readSeq: 6n }, { deliveredSeq: 6n }]) {
      assertBreaks(8, ({ group }) => void Object.assign(group.members.get(bob)?.[0] ?? {}, fields));
    }
  });

  it("8, marks only rise: sees a delivered mark that falls, but for who has come back", () => {
    const again = (scene: Scene, fromSeq: bigint) => {
      const mark = scene.state.marks.at(-1);
      assert.ok(mark?.kind === "delivered");
      scene.state.marks.push({ ...mark, fromSeq, seq: 4n });
    };
    assertBreaks(8, (scene) => again(scene, 1n));
    assertHolds((scene) => again(scene, 7n));
  });

  it("9, own marks only: sees a delivered mark that no device of its user has acked, or not yet, or not so far", () => {
    assertBreaks(9, ({ records }) => change(records.acksSent, 0, { userId: ann }));
    assertBreaks(9, ({ records }) => change(records.acksSent, 0, { conversationId: 20n }));
    assertBreaks(9, ({ records }) => change(records.acksSent, 0, { atMs: 81 }));
    assertBreaks(9, ({ records }) => change(records.acksSent, 0, { seq: 4n }));
  });

  it("10, acked before sent: sees a message that overtakes one which was acked before it was sent", () => {
    assertBreaks(10, ({ records }) => {
      change(records.sent, 0, { atMs: 40 });
      records.sent.splice(0, 2, ...records.sent.slice(0, 2).reverse());
    });
  });

  describe("11, outcomes are final", () => {
    const told = { atMs: 90, deviceId: "a1", clientId: 1n, code: ErrorCode.NOT_A_MEMBER };
    it("sees a message that was both stored and refused, or refused and is in the log", () => {
      assertBreaks(11, ({ history, direct }) => {
        direct.log.pop();
        history.toldRefused({ ...told, clientId: 3n });
      });
      assertBreaks(11, ({ history, records }) => {
        records.toldStored.shift();
        history.toldRefused(told);
      });
    });
    it("sees a refusal that leaves a gateway for a message that is in the log, whether or not it arrives", () => {
      assertBreaks(11, ({ records }) => {
        const outcome = { kind: "refused" as const, code: ErrorCode.NOT_A_MEMBER };
        change(records.upAcksLeft, 0, { outcome });
      });
    });
    it("sees a message that has vanished without an outcome, unless its storage was rolled back", () => {
      assertBreaks(11, ({ records }) => void records.toldStored.shift());
      assertHolds(({ records, history }) => {
        records.toldStored.shift();
        const cursors = new Map([[10n, 4n]]);
        history.booted({ atMs: 90, deviceId: "a1" }, "rolled-back-storage", { outbox: [], cursors });
      });
      assertHolds((scene) => {
        scene.records.toldStored.shift();
        scene.devices[0]?.outbox.push("a1#1");
        scene.checkedAtMs -= 2;
      });
    });
    it("sees an outcome for a message that was never sent", () => {
      assertBreaks(11, ({ history }) => history.toldRefused({ ...told, clientId: 9n }));
    });
    it("follows a message to its new number", () => {
      assertHolds(({ history, records }) => {
        history.sent({
          ...{ atMs: 90, deviceId: "a1", userId: ann, clientId: 4n, text: "a1#4" },
          target: { kind: "conversation", id: 77n },
        });
        history.renumbered({ atMs: 91, deviceId: "a1" }, [{ from: 4n, to: 5n }]);
        history.toldRefused({ ...told, atMs: 92, clientId: 5n });
        assert.equal(records.toldRefused.at(-1)?.text, "a1#4");
      });
    });
  });

  it("12, members only: sees what is handed out, or applied, beyond a membership", () => {
    const handed = { atMs: 90, gateway: "gateway-1", userId: carl, conversationId: 10n, seq: 5n, by: "push" as const };
    assertBreaks(12, ({ history }) => history.handed(handed));
    assertBreaks(12, ({ records }) => {
      for (const [index, one] of records.applications.entries())
        if (one.kind === "applied" && one.message.conversationId === 20n && one.deviceId === "b1")
          records.applications[index] = { ...one, deviceId: "c1" };
    });
  });

  it("13, commits first: sees an ack, a refusal and a push that precede their commit", () => {
    assertBreaks(13, ({ records }) => change(records.upAcksLeft, 0, { atMs: 19 }));
    assertBreaks(13, ({ records }) => change(records.upAcksLeft, -1, { atMs: 69 }));
    assertBreaks(13, (scene) => void deviceOf(scene, bob).refusals.clear());
    assertBreaks(13, ({ records }) => change(records.handed, 0, { atMs: 9 }));
    assertBreaks(13, ({ records }) => change(records.handed, 0, { seq: 99n }));
  });

  it("14, sizes: sees what is more than it may be", () => {
    assertBreaks(14, ({ sizes }) => change(sizes, 0, { measured: 4 }));
  });

  it("15, outboxes: sees what has waited for a minute, be it still waiting or not", () => {
    assertBreaks(15, ({ devices, records }) => {
      records.toldStored.shift();
      devices[0]?.outbox.push("a1#1");
    });
    assertBreaks(15, ({ records }) => change(records.toldStored, 0, { atMs: 61_001 }));
    assertHolds(({ records }) => change(records.toldStored, 0, { atMs: 61_000 }));
  });

  it("16, fences: sees what a session stores after a newer one was opened", () => {
    assertBreaks(16, (scene) => void deviceOf(scene, ann).fences.push({ epoch: 2n, atMs: 60 }));
    assertBreaks(16, (scene) => void deviceOf(scene, bob).fences.push({ epoch: 2n, atMs: 70 }));
    assertHolds((scene) => void deviceOf(scene, ann).fences.push({ epoch: 2n, atMs: 61 }));
  });

  it("judge what was said under an earlier store_id by what was stored then", () => {
    const restore = (scene: Scene) => {
      const past = copyState(scene.state);
      scene.eras = [
        { state: past, fromMs: 0, untilMs: 85 },
        { state: scene.state, fromMs: 85, untilMs: Number.POSITIVE_INFINITY },
      ];
      scene.state.storeId = "restored";
      scene.direct.log.pop();
      scene.direct.headSeq = 0n;
      deviceOf(scene, ann).messages.delete(3n);
      for (const device of scene.devices.slice(0, 2)) {
        device.held.delete(20n);
        device.cursors.delete(20n);
      }
    };
    assertHolds(restore);
    assertBreaks(1, (scene) => {
      restore(scene);
      const last = scene.records.upAcksLeft.findIndex((upAck) => upAck.clientId === 3n);
      change(scene.records.upAcksLeft, last, { atMs: 86 });
    });
    // Stored, then taken out of the log by the restore, and refused when it came again.
    assertHolds((scene) => {
      restore(scene);
      const last = scene.records.toldStored.findIndex(({ text }) => text === "a1#3");
      const [told] = scene.records.toldStored.splice(last, 1);
      if (told) scene.history.toldRefused({ ...told, atMs: 90, code: ErrorCode.UNKNOWN_CONVERSATION });
    });
  });
});
