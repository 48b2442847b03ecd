import type { Step } from "../../../clients/typescript/src/core.js";
import { ServerFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Random } from "../../sim/engine/random.js";
import { type FuzzMessage, type Make, makeMessage } from "../contract/messages.js";
import type { Episode, EpisodeInput, EpisodeTools, Side } from "../engine/episode.js";
import { must } from "../engine/violation.js";
import { Device } from "./device.js";
import { type ClientFacts, conversationIds, createServerKnowledge, type ServerKnowledge } from "./knowledge.js";
import { answerToken, hangUp, steer, type WantedState } from "./steer.js";

/** A hostile server against a client. */
export const clientSide: Side = { name: "client", open: (tools) => new ClientEpisode(tools) };

/** Bytes that are no frames: a client gives the connection up. */
const refused: ReadonlySet<Make> = new Set(["cut short", "length too large", "frame too large"]);

/** What ends a connection is seldom enough for others to follow. */
const usualWeights = { goaway: 0.15, error: 0.3, loginOk: 0.3, push: 3, syncPage: 2, headsPage: 1.5, upAck: 4 };
const greetingWeights = { loginOk: 6 };
const closeCodes = [1000, 1006, 4000, 4001, 4002, 4003, 4005, 4006, 4500, 4501, 4502, 4506, 4999];

class ClientEpisode implements Episode {
  readonly #tools: EpisodeTools;
  readonly #knowledge: ServerKnowledge = createServerKnowledge();
  readonly #device: Device;
  /** One that it has given up; before that, one of an earlier life. */
  #staleSocket = -1;

  constructor(tools: EpisodeTools) {
    this.#tools = tools;
    const random = tools.random.fork("client");
    this.#device = new Device({ random, counts: tools.counts, hear: this.#knowledge.hear });
  }

  feed({ random, replacement }: EpisodeInput): void {
    steer(this.#device, pickState(random), random);
    const hint = this.#knowledge.hint(random, this.#facts());
    const weights = this.#device.state === "greeting" ? greetingWeights : usualWeights;
    const made = makeMessage({ frame: ServerFrameSchema, limits: defaultLimits, random, hint, weights });
    this.#deliver(replacement ? { ...made, bytes: replacement, make: "garbage" } : made);
    this.#letHappen(random);
    this.#device.advance(random.chance(0.3) ? random.whole(0, 500) : 0);
  }

  #deliver({ bytes, make, cases }: FuzzMessage): void {
    const { counts, meter } = this.#tools;
    const { state, socket } = this.#device;
    const where = socket === undefined ? "gone" : state;
    counts.add(`client state ${where}`);
    counts.add(`client made ${make}`);
    if (make === "lawful") for (const kind of cases) counts.add(`lawful ${kind} to a client ${where}`);
    let step: Step | undefined;
    // The shell hands on a text message as a byte that is no frame.
    const read = make === "text" ? Uint8Array.of(255) : bytes;
    meter.deliver(read, () => {
      step = this.#device.receive(socket ?? this.#staleSocket, read);
    });
    if (socket !== undefined) this.#staleSocket = socket;
    const isGivenUp = step?.actions.some(({ kind }) => kind === "disconnect");
    if (socket === undefined) must(step?.actions.length === 0, "a socket that was given up is not listened to");
    else if (refused.has(make)) must(isGivenUp, "what is no frame is refused", () => `${make} while ${state}`);
    counts.add(`client ${isGivenUp ? "gave up after" : "survived"} ${make}`);
  }

  #facts(): ClientFacts {
    const { table, core } = this.#device;
    return {
      wallMs: this.#device.at.wallMs,
      userId: core.userId,
      pending: [...table.snapshot.outbox.keys()],
      nextClientId: table.snapshot.nextClientId,
      cursorOf: (conversationId) => table.snapshot.cursors.get(conversationId) ?? 0n,
    };
  }

  #letHappen(random: Random): void {
    const roll = random();
    const device = this.#device;
    const conversationId = random.pick(conversationIds);
    answerToken(device, random);
    if (roll < 0.5) return;
    if (roll < 0.6) return device.send(conversationId);
    if (roll < 0.7) return void device.step({ kind: "focus", conversationId });
    if (roll < 0.85) return this.#read(conversationId, random);
    if (roll < 0.9) return device.advance(random.whole(500, 5_000));
    if (roll < 0.93) return hangUp(device, random.pick(closeCodes));
    if (roll < 0.95) return this.#restart();
    if (roll < 0.96) return this.#stop();
    if (roll < 0.97) return device.advance(90_000);
  }

  #read(conversationId: bigint, random: Random): void {
    const seq = BigInt(random.whole(0, 20));
    this.#device.step({ kind: "read", conversationId, seq, counter: random.chance(0.5) ? seq : undefined });
  }

  /** Sockets are numbered anew in each life. */
  #restart(): void {
    this.#device.restart();
    this.#staleSocket = -1;
  }

  #stop(): void {
    this.#device.step({ kind: "stop", advice: "enough" });
  }

  /** A server that is itself again finds a client that works: it logs in, sends what it has, and is still. */
  end(): void {
    const random = this.#tools.random.fork("end");
    this.#device.restart();
    steer(this.#device, "ready", random);
    this.#device.core.conversations();
    this.#device.advance(120_000);
  }
}

function pickState(random: Random): WantedState {
  const roll = random();
  if (roll < 0.15) return "greeting";
  if (roll < 0.3) return "draining";
  return roll < 0.35 ? "gone" : "ready";
}
