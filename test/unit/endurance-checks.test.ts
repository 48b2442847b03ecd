import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkEvidence } from "../endurance/checks/check.js";
import type { DeviceRow, Evidence } from "../endurance/evidence.js";
import {
  direct,
  entry,
  find,
  flawlessEvidence,
  group,
  lose,
  type Mutable,
  noteOf,
  phone,
  remove,
  row,
} from "../support/endurance-evidence.js";

/** Which invariants are seen to be broken once `spoil` has been at flawless evidence, with everything that is said about it. */
function check(spoil: (evidence: Mutable<Evidence>) => void): { broken: number[]; words: string } {
  const evidence = flawlessEvidence();
  spoil(evidence);
  const { violations, counts } = checkEvidence(evidence as Evidence);
  return { broken: Object.keys(counts).map(Number), words: violations.map(({ what }) => what).join("\n") };
}

describe("the checks of an endurance run", () => {
  it("find nothing wrong with what a run must look like", () => {
    assert.deepEqual(
      check(() => {}),
      { broken: [], words: "" },
    );
  });

  const flaws: [string, number, RegExp, (evidence: Mutable<Evidence>) => void][] = [
    ["an ACKed message is in no log", 1, /"a3" is in no log/, (evidence) => lose(evidence, "a3")],
    [
      "an ACK named another seq",
      1,
      /the message is at 100:2/,
      (evidence) => {
        noteOf(evidence, "ann-phone", "stored").seq = 3;
      },
    ],
    [
      "an ACK named another message id",
      1,
      /the message is at 100:2/,
      (evidence) => {
        noteOf(evidence, "ann-phone", "stored").messageId = "1";
      },
    ],
    [
      "an ACK was for nothing",
      1,
      /nothing that it had in its outbox/,
      (evidence) => {
        noteOf(evidence, "ann-phone", "stored").clientId = 99;
      },
    ],
    [
      "a message is logged twice, each time under a number of its own",
      1,
      /are the same message/,
      (evidence) => {
        evidence.server.messages.push(entry(direct, 3, "a3", { sender: "ann", clientId: 4 }));
        evidence.server.devices[0] = { ...(evidence.server.devices[0] as DeviceRow), lastClientId: 4 };
        find(evidence.server.conversations, (each) => each.conversationId === direct).headSeq = 3;
      },
    ],
    [
      "a message that was in the outbox is lost without an outcome",
      1,
      /"a3", number 3, is lost/,
      (evidence) => {
        lose(evidence, "a3");
        remove(phone(evidence, "ann-phone").notes, (note) => note.kind === "stored" && note.clientId === 3);
      },
    ],
    [
      "a message never got into the outbox although no process was killed",
      1,
      /did not keep "a3"/,
      (evidence) => {
        remove(phone(evidence, "ann-phone").notes, (note) => note.kind === "kept" && note.clientId === 3);
      },
    ],
    [
      "a message is logged that nobody sent",
      2,
      /nobody sent .*"a3!"/,
      (evidence) => {
        row(evidence, "a3").text = "a3!";
      },
    ],
    [
      "a message is logged under somebody else's name",
      2,
      /is user bob's, but ann-phone of user ann sent it/,
      (evidence) => {
        row(evidence, "a3").senderId = "bob";
      },
    ],
    [
      "a message is in another conversation than it was sent to",
      2,
      /was sent to another place/,
      (evidence) => {
        row(evidence, "a2").conversationId = direct;
      },
    ],
    [
      "a message is of somebody who was no member",
      2,
      /is of user bob, no member then/,
      (evidence) => {
        find(evidence.server.memberships, (each) => each.userId === "bob").toSeq = 2;
      },
    ],
    [
      "a log has a hole",
      3,
      /has seq 5 in place 4/,
      (evidence) => {
        row(evidence, "a2").seq = 5;
      },
    ],
    [
      "a log is shorter than its head",
      3,
      /has 2 messages and head 3/,
      (evidence) => {
        find(evidence.server.conversations, (each) => each.conversationId === direct).headSeq = 3;
      },
    ],
    [
      "two messages of a device have changed places",
      4,
      /"a1" lies behind .*"a2"/,
      (evidence) => {
        [row(evidence, "a1").seq, row(evidence, "a2").seq] = [4, 2];
      },
    ],
    [
      "the words of two messages of a device have changed places",
      4,
      /"a1" lies behind .*"a2"/,
      (evidence) => {
        const [first, second] = [row(evidence, "a1"), row(evidence, "a2")];
        [first.text, second.text] = ["a2", "a1"];
      },
    ],
    [
      "the numbers of two messages of a device have changed places",
      4,
      /"a2" lies behind .*"a1"/,
      (evidence) => {
        const [first, second] = [row(evidence, "a1"), row(evidence, "a2")];
        [first.clientId, second.clientId] = [2, 1];
      },
    ],
    [
      "a message was stored twice, says its device",
      5,
      /was stored at 100:2 and stored at 100:4/,
      (evidence) => {
        phone(evidence, "ann-phone").notes.push({ ...noteOf(evidence, "ann-phone", "stored"), seq: 4 });
      },
    ],
    [
      "a device applied a message twice",
      6,
      /applied 100:4 after 4/,
      (evidence) => {
        phone(evidence, "bob-phone").notes.push({ kind: "applied", conversationId: group, seq: 4, messageId: "100-4" });
      },
    ],
    [
      "a device applied a message behind a hole",
      6,
      /ann-phone applied 100:3 after 1/,
      (evidence) => {
        remove(phone(evidence, "ann-phone").notes, (note) => note.kind === "applied" && note.seq === 2);
      },
    ],
    [
      "a device forgot what it had told",
      6,
      /forgot 100 from 1 to 2/,
      (evidence) => {
        const opened = find(
          phone(evidence, "bob-phone").notes,
          (note) => note.kind === "opened" && note.pending.length > 0,
        );
        assert.ok(opened.kind === "opened");
        opened.cursors = { [group]: 1 };
      },
    ],
    [
      "a device lacks a message that it was not told to skip",
      7,
      /ann-tablet lacks 100:2 "a1"/,
      (evidence) => remove(phone(evidence, "ann-tablet").storage.messages, ({ seq }) => seq === 2),
    ],
    [
      "a device that was killed lacks a message in the middle",
      7,
      /bob-phone lacks 100:2 "a1"/,
      (evidence) =>
        remove(phone(evidence, "bob-phone").storage.messages, ({ seq, text }) => seq === 2 && text === "a1"),
    ],
    [
      "a device that was killed lacks a message, although it may have been told to skip what is before its first",
      7,
      /bob-phone lacks 100:2 "a1"/,
      (evidence) => {
        const bob = phone(evidence, "bob-phone");
        for (const seq of [1, 2]) remove(bob.notes, (note) => note.kind === "applied" && note.seq === seq);
        remove(bob.storage.messages, ({ text }) => text === "a1");
      },
    ],
    [
      "a device holds other words than the log",
      7,
      /holds 100:2 "a\?" where the log has 100:2 "a1"/,
      (evidence) => {
        find(phone(evidence, "bob-phone").storage.messages, ({ text }) => text === "a1").text = "a?";
      },
    ],
    [
      "a device is behind",
      7,
      /holds 200 up to 1 instead of 2/,
      (evidence) => {
        phone(evidence, "bob-phone").storage.cursors[direct] = 1;
      },
    ],
    [
      "a device started over",
      7,
      /started over/,
      (evidence) => {
        phone(evidence, "ann-tablet").notes.push({ kind: "started-over" });
      },
    ],
    [
      "a read mark passes the head",
      8,
      /up to 5 of 4/,
      (evidence) => {
        find(evidence.server.memberships, (each) => each.userId === "bob").readSeq = 5;
      },
    ],
    [
      "a read mark fell in the database",
      8,
      /up to 2, stored is 1/,
      (evidence) => {
        find(evidence.server.memberships, (each) => each.userId === "ann").readSeq = 1;
      },
    ],
    [
      "a read mark fell on a device",
      8,
      /fell from 2 to 1/,
      (evidence) => {
        phone(evidence, "ann-phone").notes.push({ kind: "read", conversationId: group, seq: 1 });
      },
    ],
    [
      "a message that was sent after another's ACK lies before it",
      10,
      /"a2" was sent after the ACK of "b1"/,
      (evidence) => {
        [row(evidence, "b1").seq, row(evidence, "a2").seq] = [4, 3];
        noteOf(evidence, "bob-phone", "stored").seq = 4;
      },
    ],
    [
      "a number has two outcomes",
      11,
      /outcome number 1 in place 2/,
      (evidence) => {
        evidence.server.refusals.push({ userId: "ann", device: 1, clientId: 1 });
      },
    ],
    [
      "a message was refused without a reason",
      11,
      /"b1" was refused with INTERNAL/,
      (evidence) => {
        phone(evidence, "bob-phone").notes.push({ kind: "refused", clientId: 1, code: "INTERNAL" });
      },
    ],
    [
      "a member was refused as if it was none",
      11,
      /"b1" was refused with NOT_A_MEMBER/,
      (evidence) => {
        phone(evidence, "bob-phone").notes.push({ kind: "refused", clientId: 1, code: "NOT_A_MEMBER" });
      },
    ],
    [
      "a device holds what was said before its user came",
      12,
      /holds 100:1 "an event", but user bob was no member then/,
      (evidence) => {
        find(evidence.server.memberships, (each) => each.userId === "bob").fromSeq = 3;
      },
    ],
    [
      "an outbox is not empty",
      15,
      /still has 1 in its outbox/,
      (evidence) => {
        phone(evidence, "ann-tablet").storage.outbox.push(1);
      },
    ],
    [
      "a device gave up",
      15,
      /gave up: no/,
      (evidence) => {
        phone(evidence, "ann-tablet").notes.push({ kind: "closed", advice: "no" });
      },
    ],
    [
      "a message is stored under another number than its device knows",
      16,
      /stored under the number 4/,
      (evidence) => {
        row(evidence, "a3").clientId = 4;
      },
    ],
    [
      "a device's last number is not that of its last outcome",
      16,
      /has 3 outcomes, but its last client_id is 4/,
      (evidence) => {
        find(evidence.server.devices, (each) => each.deviceId === "ann-phone").lastClientId = 4;
      },
    ],
  ];
  for (const [what, invariant, words, spoil] of flaws) {
    it(`see that ${what} (${invariant})`, () => {
      const found = check(spoil);
      assert.ok(found.broken.includes(invariant), `${found.broken}: ${found.words}`);
      assert.match(found.words, words);
    });
  }

  it("accept what a refusal row accounts for, in a group that one was not always a member of", () => {
    const { words } = check((evidence) => {
      const bob = find(evidence.server.memberships, (each) => each.userId === "bob");
      evidence.server.memberships.push({ ...bob, fromSeq: 4 });
      bob.toSeq = 3;
      const place = { to: "conversation", conversationId: group } as const;
      phone(evidence, "bob-phone").notes.push(
        { kind: "sends", atUs: 60, text: "b4", place },
        { kind: "kept", clientId: 3, text: "b4" },
        { kind: "refused", clientId: 3, code: "NOT_A_MEMBER" },
        { kind: "sends", atUs: 61, text: "b5", place },
        { kind: "kept", clientId: 4, text: "b5" },
      );
      evidence.server.refusals.push(
        { userId: "bob", device: 1, clientId: 3 },
        { userId: "bob", device: 1, clientId: 4 },
      );
      find(evidence.server.devices, (each) => each.deviceId === "bob-phone").lastClientId = 4;
    });
    assert.equal(words, "");
  });

  it("accept that a device was told to skip something right before it was killed", () => {
    const { words } = check((evidence) => {
      const bob = phone(evidence, "bob-phone");
      for (const seq of [1, 2]) {
        remove(bob.notes, (note) => note.kind === "applied" && note.seq === seq);
        remove(bob.storage.messages, (held) => held.conversationId === group && held.seq === seq);
      }
    });
    assert.equal(words, "");
  });

  it("follow a message that was renumbered", () => {
    const { words } = check((evidence) => {
      const { notes } = phone(evidence, "ann-phone");
      const kept = find(notes, (note) => note.kind === "kept" && note.text === "a3");
      notes.splice(notes.indexOf(kept), 0, { kind: "kept", clientId: 7, text: "a3" });
    });
    assert.equal(words, "");
  });
});
