import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { deadlineMs } from "../../gateway/session/deadline.js";
import type { Session, SessionEffect, SessionEvent, SettledSubmission } from "../../gateway/session/state.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { OutcomeSchema, Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import { fullBucket, type GcraState } from "../../runtime/gcra.js";
import {
  ack,
  ann,
  greetingWorld,
  heads,
  headsPage,
  heartbeat,
  login,
  readMark,
  refused,
  rejected,
  stored,
  sync,
  syncPage,
  upMsg,
} from "../support/session-world.js";

type State = Session["state"];

const lawfulNext: Readonly<Record<State, readonly State[]>> = {
  greeting: ["opening", "closed"],
  opening: ["attaching", "closed"],
  attaching: ["ready", "closed"],
  ready: ["draining", "closed"],
  draining: ["closed"],
  closed: [],
};

/** What a device, the services and the gateway may do; the number chooses among variants. */
const moves = [
  "login",
  "heartbeat",
  "up-msg",
  "up-msg",
  "up-msg",
  "ack",
  "sync",
  "heads",
  "read-mark",
  "signal",
  "answer-open",
  "answer-attach",
  "answer-renew",
  "answer-read",
  "answer-pointers",
  "answer-lane",
  "answer-lane",
  "tick",
  "lagging",
  "drained-socket",
  "behind",
  "entries-lost",
] as const;
/** What ends a session, or nearly: seldom, so that the others get somewhere. */
const endings = [
  "logout",
  "violation",
  "fence",
  "drain",
  "drained",
  "unresponsive",
  "lane-gave-up",
  "long-wait",
] as const;

type Move = (typeof moves)[number] | (typeof endings)[number];

const move = fc.record({
  move: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...moves) },
    { weight: 1, arbitrary: fc.constantFrom(...endings) },
  ),
  number: fc.nat(1_000),
});
const opening = fc.constantFrom<{ move: Move; number: number }[]>(
  [],
  [{ move: "login", number: 0 }],
  [
    { move: "login", number: 0 },
    { move: "answer-open", number: 1 },
    { move: "answer-attach", number: 1 },
  ],
);
/** Most sequences begin with a login: nothing but errors comes of the others. */
const sequences = fc
  .tuple(opening, fc.array(move, { maxLength: 120, size: "max" }))
  .map(([first, then]) => [...first, ...then]);

/** The session in the hands of a shell that does what it is asked, in its own time, and that keeps books of its own. */
class Shell {
  readonly world = greetingWorld({
    limits: { inFlightMax: 4, inFlightMaxBytes: 60, messageBurst: 12, syncRatePerSecond: 5 },
  });
  readonly counts = new Map<string, number>();
  #opens = 0;
  #attaches = 0;
  #renewals = 0;
  #reads: SessionEvent[] = [];
  #pointers = 0;
  /** client_ids in the lane, in order. */
  #lane: bigint[] = [];
  #rate: GcraState = fullBucket;
  /** Given up with what was in it. A session that drains waits for its end, and its device sends again elsewhere. */
  #isLaneGone = false;
  #closes = 0;

  play(name: Move, number: number): void {
    this.world.advance(number % 50);
    const event = this.#toEvent(name, number);
    if (event === undefined) return;
    const before = this.world.session;
    const effects = this.world.on(event);
    this.#check(before, effects);
    for (const effect of effects) this.#perform(effect);
    this.#checkBooks();
    this.counts.set(this.world.session.state, (this.counts.get(this.world.session.state) ?? 0) + 1);
  }

  #toEvent(name: Move, number: number): SessionEvent | undefined {
    switch (name) {
      case "login":
        return login(number % 50 === 9 ? { deviceId: "another" } : {});
      case "heartbeat":
        return heartbeat(BigInt(number));
      case "up-msg":
        return this.#upMsg(number);
      case "ack":
        return ack;
      case "sync":
        return sync(BigInt(number % 5));
      case "heads":
        return heads(BigInt(number % 5));
      case "read-mark":
        return readMark;
      case "long-wait":
        this.world.advance(number * 200);
        return { kind: "tick" };
      case "violation":
        return { kind: "violation", problem: { code: ErrorCode.MALFORMED, detail: "rubbish" } };
      case "fence":
        return { kind: "fence", epoch: ann.epoch + BigInt(number % 3) - 1n };
      case "drain":
        return { kind: "drain", reconnectAfterMs: number };
      case "behind":
        return { kind: "behind", conversationIds: number % 3 === 0 ? [] : [9n] };
      case "entries-lost":
        return { kind: "entries-lost", lookAtMs: this.world.now.monotonicMs + number };
      case "answer-open":
      case "answer-attach":
      case "answer-renew":
      case "answer-read":
      case "answer-pointers":
      case "answer-lane":
        return this.#toAnswer(name, number);
      case "lane-gave-up":
        if (this.#lane.length === 0) return undefined;
        this.#lane = [];
        this.#isLaneGone = true;
        return { kind: name };
      default:
        return { kind: name };
    }
  }

  #upMsg(number: number): SessionEvent {
    const { session } = this.world;
    const accepted = "uplink" in session ? session.uplink.accepted : 0n;
    const offset = number % 10 < 7 ? 1n : BigInt((number % 4) - 1);
    const clientId = accepted + offset < 1n ? 1n : accepted + offset;
    const lane = number % 17 === 0 ? "full" : "open";
    return upMsg(clientId, { bytes: 1 + (number % 40), rate: this.#rate, lane });
  }

  #toAnswer(name: Move & `answer-${string}`, number: number): SessionEvent | undefined {
    const problem = { code: ErrorCode.UNAVAILABLE, detail: "away" };
    const isGood = number % 8 > 0;
    switch (name) {
      case "answer-open":
        if (this.#opens === 0) return undefined;
        this.#opens -= 1;
        return isGood ? { kind: "opened", identity: ann, lastClientId: 0n } : { kind: "open-failed", problem };
      case "answer-attach":
        if (this.#attaches === 0) return undefined;
        this.#attaches -= 1;
        return isGood ? { kind: "attached" } : { kind: "open-failed", problem };
      case "answer-renew": {
        if (this.#renewals === 0) return undefined;
        this.#renewals -= 1;
        const tokenExpiresAtMs = ann.tokenExpiresAtMs + (isGood ? 1 + this.world.now.monotonicMs : 0);
        return { kind: "renewed", userId: ann.userId, tokenExpiresAtMs };
      }
      case "answer-read":
        return this.#reads.splice(number % Math.max(1, this.#reads.length), 1)[0];
      case "answer-pointers":
        if (this.#pointers === 0) return undefined;
        this.#pointers -= 1;
        return { ...headsPage({ heads: isGood ? [{ conversationId: 9n }] : [] }), kind: "pointers" } as SessionEvent;
      case "answer-lane": {
        const outcomes = this.#lane.splice(0, 1 + (number % 3)).map((clientId) => toOutcome(clientId, number));
        return outcomes.length === 0 ? undefined : { kind: "outcomes", outcomes };
      }
    }
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case "open":
        this.#opens += 1;
        return;
      case "attach":
        this.#attaches += 1;
        return;
      case "renew":
        this.#renewals += 1;
        return;
      case "read-sync":
        return void this.#reads.push(syncPage(effect.sync.requestId));
      case "read-heads":
        return void this.#reads.push(headsPage({ requestId: effect.requestId, watermark: 8n }));
      case "look":
        return void this.#reads.push(headsPage({ watermark: 8n }));
      case "read-pointers":
        this.#pointers += 1;
        return;
      case "charge":
        this.#rate = effect.rate;
        return;
      case "submit":
        return void this.#lane.push(effect.clientId);
      case "close":
        this.#closes += 1;
    }
  }

  #check(before: Session, effects: readonly SessionEffect[]): void {
    const { state } = this.world.session;
    const isLawful = state === before.state || lawfulNext[before.state].includes(state);
    assert.ok(isLawful, `${before.state} became ${state}`);
    const kinds = effects.map(({ kind }) => kind);
    if (before.state === "closed") assert.deepEqual(kinds, [], "a closed session does nothing");
    const isClosing = state === "closed" && before.state !== "closed";
    assert.equal(kinds.indexOf("close"), isClosing ? kinds.length - 1 : -1, `${kinds} on the way to ${state}`);
    if (before.state === "ready" || before.state === "draining" || state === "ready") return;
    for (const effect of effects) {
      if (effect.kind !== "send") continue;
      assert.ok(["error", "goaway"].includes(effect.frame.case), `${effect.frame.case} before login_ok`);
    }
  }

  #checkBooks(): void {
    const { session, now } = this.world;
    assert.ok(this.#closes <= 1, "closed twice");
    assert.ok(!Number.isNaN(deadlineMs(session, now) ?? 0));
    if (session.state === "ready") {
      assert.equal(session.readsUnderWay, this.#reads.length);
      assert.equal(session.pointing, this.#pointers > 0);
      assert.equal(session.renewing, this.#renewals > 0);
      assert.ok(this.#pointers <= 1 && this.#renewals <= 1 && this.#reads.length <= 9);
    }
    if (session.state !== "ready" && session.state !== "draining") return;
    const { committed, accepted, inFlightBytes } = session.uplink;
    assert.equal(BigInt(inFlightBytes.length), accepted - committed);
    assert.ok(inFlightBytes.length <= 4);
    if (this.#isLaneGone) return assert.equal(session.state, "draining", "a lane is given up, and its session stays");
    if (session.state === "draining") return; // its lane may have given up: devices send that again elsewhere
    for (let clientId = committed + 1n; clientId <= accepted; clientId += 1n)
      assert.ok(this.#lane.includes(clientId), `${clientId} was accepted, and nobody will ever settle it`);
  }
}

function toOutcome(clientId: bigint, number: number): SettledSubmission {
  switch (number % 23) {
    case 0:
      return rejected(clientId, Rejection.CONFLICT);
    case 1:
      return rejected(clientId, Rejection.GAP);
    case 2:
      return { clientId, outcome: create(OutcomeSchema), told: "not-yet" };
    case 3:
      return number % 5 === 0 ? rejected(clientId, Rejection.FENCED) : stored(clientId);
    case 4:
    case 5:
      return refused(clientId, ErrorCode.NOT_A_MEMBER);
    default:
      return stored(clientId);
  }
}

describe("a session, whatever happens to it in whatever order,", () => {
  it("goes only where it may, closes once, and loses count of nothing that is under way", () => {
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(sequences, (sequence) => {
        const shell = new Shell();
        for (const { move: name, number } of sequence) shell.play(name, number);
        for (const [state, count] of shell.counts) reached.set(state, (reached.get(state) ?? 0) + count);
      }),
      { numRuns: 3_000 },
    );
    for (const state of Object.keys(lawfulNext)) {
      if (state === "greeting") continue;
      assert.ok((reached.get(state) ?? 0) > 500, `${state} was met too seldom: ${[...reached]}`);
    }
  });

  it("answers every up_msg that the lane has settled, in the order in which it was taken", () => {
    const lengths = fc.array(
      fc.record({ send: fc.integer({ min: 1, max: 4 }), settle: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(lengths, (rounds) => {
        const world = greetingWorld({ limits: { messageBurst: 1_000 } });
        world.on(login());
        world.on({ kind: "opened", identity: ann, lastClientId: 0n });
        world.on({ kind: "attached" });
        const lane: bigint[] = [];
        const answered: bigint[] = [];
        let sent = 0n;
        for (const { send, settle } of rounds) {
          for (let count = 0; count < send && lane.length < 32; count++) {
            sent += 1n;
            for (const effect of world.on(upMsg(sent))) if (effect.kind === "submit") lane.push(effect.clientId);
          }
          const outcomes = lane.splice(0, settle).map(stored);
          for (const effect of world.on({ kind: "outcomes", outcomes })) {
            if (effect.kind === "send" && effect.frame.case === "upAck")
              answered.push(effect.frame.value.clientId ?? 0n);
          }
        }
        assert.deepEqual(
          [...answered, ...lane],
          Array.from({ length: Number(sent) }, (_, index) => BigInt(index + 1)),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});
