import { ClientFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Random } from "../../sim/engine/random.js";
import { encodeFrames } from "../../support/connection-world.js";
import { type FuzzMessage, type Make, makeMessage } from "../contract/messages.js";
import type { Episode, EpisodeInput, EpisodeTools, Side } from "../engine/episode.js";
import { must } from "../engine/violation.js";
import { Canary } from "./canary.js";
import { createDeviceKnowledge, type DeviceKnowledge, deviceIds, users } from "./hints.js";
import { answerMaxBytes, type Peer, type SeenState } from "./peer.js";
import { GatewayWorld } from "./world.js";

/** Hostile devices against a gateway. */
export const gatewaySide: Side = { name: "gateway", open: (tools) => new GatewayEpisode(tools) };

type Device = Readonly<{ peer: Peer; token: string; deviceId: string; knowledge: DeviceKnowledge }>;

/** More of them would only make each one's life longer. */
const devicesMax = 10;
/** More than ever connect and say nothing, the canary included. */
const silentMax = 30;
const inputsPerProof = 20;
/** From then on the gateway drains. */
const drainsAt = 0.85;

/** What no gateway may take: it says so and closes. */
const refused: ReadonlySet<Make> = new Set([
  "cut short",
  "length too large",
  "field too large",
  "nothing",
  "empty frame",
  "too many frames",
  "frame too large",
  "message too large",
  "text",
]);

/** Logging out ends a connection, and `signal` is answered with one and the same error: seldom is enough. */
const weights = { login: 0.5, logout: 0.15, signal: 0.5, upMsg: 2.5 };

class GatewayEpisode implements Episode {
  readonly #tools: EpisodeTools;
  readonly #world: GatewayWorld;
  readonly #canary: Canary;
  #devices: Device[] = [];
  #untilProof = inputsPerProof;
  #drained: "not yet" | "under way" | "done" = "not yet";

  constructor(tools: EpisodeTools) {
    this.#tools = tools;
    this.#world = new GatewayWorld(tools);
    this.#canary = new Canary(this.#world.connect(), this.#world);
    this.#canary.login();
  }

  feed({ progress, random, replacement }: EpisodeInput): void {
    if (progress >= drainsAt && this.#drained === "not yet") this.#drain(random);
    const device = this.#pickDevice(random);
    const made = makeMessage({
      frame: ClientFrameSchema,
      limits: defaultLimits,
      random,
      hint: device.knowledge.hint(random),
      weights,
    });
    const message = replacement ? { ...made, bytes: replacement, make: "garbage" as const } : made;
    this.#deliver(device.peer, message);
    this.#letHappen(random);
    this.#check();
  }

  #deliver(peer: Peer, { bytes, make, cases }: FuzzMessage): void {
    const { state } = peer;
    const { counts, meter } = this.#tools;
    counts.add(`state ${state}`);
    counts.add(`made ${make}`);
    if (make === "lawful") for (const kind of cases) counts.add(`lawful ${kind} while ${state}`);
    meter.deliver(bytes, () => this.#world.deliver(peer, bytes, make === "text" ? "text" : "binary"));
    this.#world.findings.raise();
    counts.add(`${peer.isOpen ? "survived" : "ended by"} ${make}`);
    if (refused.has(make)) must(!peer.isOpen, "what breaks the contract is refused", () => `${make} while ${state}`);
    if (make === "lawful")
      must(
        peer.closeCode !== 4500 || peer.isOpen,
        "what keeps the contract is no protocol error",
        () => `${cases} while ${state}`,
      );
    must(peer.answeredBytes <= answerMaxBytes, "answers are bounded", () => `${peer.answeredBytes} bytes`);
  }

  // Whom it is said to.

  #pickDevice(random: Random): Device {
    this.#devices = this.#devices.filter(({ peer }) => peer.isOpen);
    const wanted = this.#drained === "not yet" ? pickState(random) : "draining";
    const there = this.#devices.filter(({ peer }) => peer.state === wanted);
    if (there.length > 0 && (this.#devices.length >= devicesMax || random.chance(0.8))) return random.pick(there);
    if (this.#devices.length >= devicesMax) return random.pick(this.#devices);
    return this.#connect(wanted, random);
  }

  /** A gateway that drains opens no session; a socket that was let in just before may still turn up. */
  #connect(wanted: SeenState, random: Random): Device {
    const token = `user ${random.pick(users)}`;
    const deviceId = random.pick(deviceIds);
    const knowledge = createDeviceKnowledge({ token, deviceId });
    const peer = this.#world.connect();
    peer.onFrame = knowledge.hear;
    const device = { peer, token, deviceId, knowledge };
    this.#devices.push(device);
    if (wanted !== "greeting" && this.#drained === "not yet") this.#logIn(device, wanted);
    return peer.isOpen ? device : this.#connect("greeting", random); // a newer session may have been announced
  }

  #logIn({ peer, token, deviceId }: Device, wanted: SeenState): void {
    const { moods } = this.#world.services;
    if (wanted === "opening") moods.script("late");
    else if (wanted === "attaching") moods.script("well", "late");
    else moods.script("well", "well");
    const login = encodeFrames({ case: "login", value: { token, deviceId } });
    this.#world.deliver(peer, login, "binary");
    this.#settle(0);
    moods.script();
  }

  // What else happens.

  #letHappen(random: Random): void {
    const roll = random();
    if (roll < 0.45) return;
    if (roll < 0.8) return this.#settle(0);
    if (roll < 0.91) return this.#settle(random.whole(1, 100));
    if (roll < 0.94) return this.#world.push();
    if (roll < 0.95) return this.#world.fence();
    if (roll < 0.96) return random.pick(this.#devices).peer.dropped();
    if (roll < 0.97) return random.pick(this.#devices).peer.drained();
    if (roll < 0.98) return random.pick(this.#devices).peer.leave();
    if (roll < 0.985) return void this.#world.connect(); // it says nothing, ever
    if (roll < 0.998) return this.#settle(random.whole(100, 4_000));
    this.#waitLong();
  }

  /** Until silent devices have lost their connections. */
  #waitLong(): void {
    for (let passedMs = 0; passedMs < 90_000; passedMs += 15_000) {
      if (this.#canary.peer.state === "ready") this.#canary.beat();
      this.#canary.acknowledge();
      this.#settle(15_000);
    }
  }

  #settle(ms: number): void {
    this.#world.settle(ms);
    this.#world.findings.raise();
  }

  #check(): void {
    this.#canary.acknowledge();
    this.#world.findings.raise();
    this.#world.checkBounds(devicesMax + silentMax);
    if (this.#drained === "not yet") must(this.#canary.peer.isOpen, "an honest connection stays open");
    this.#untilProof -= 1;
    if (this.#untilProof > 0 || this.#drained !== "not yet") return;
    this.#untilProof = inputsPerProof;
    this.#canary.prove();
  }

  // How it ends.

  /** With messages in flight whose outcome keeps the gateway waiting, so that sessions stay for a while. */
  #drain(random: Random): void {
    this.#canary.prove();
    for (const { peer } of this.#devices) if (peer.state !== "ready") peer.leave();
    this.#devices = this.#devices.filter(({ peer }) => peer.isOpen);
    while (this.#devices.length < devicesMax) this.#connect("ready", random);
    this.#world.services.submissions.hold();
    for (const { peer, knowledge } of this.#devices) {
      const upMsg = { clientId: knowledge.expected };
      if (peer.state === "ready") this.#world.deliver(peer, encodeFrames({ case: "upMsg", value: upMsg }), "binary");
    }
    this.#settle(0);
    this.#drained = "under way";
    void this.#world.node.drain(new AbortController().signal).then(() => {
      this.#drained = "done";
    });
    this.#settle(0);
  }

  end(): void {
    if (this.#drained === "not yet") this.#drain(this.#tools.random.fork("end"));
    this.#world.services.moods.cheerUp();
    this.#world.services.submissions.release();
    this.#settle(10_000);
    for (const { peer } of this.#devices) peer.leave();
    this.#settle(0);
    must(
      this.#canary.peer.closeCode === 4000,
      "a drained gateway says goodbye",
      () => `${this.#canary.peer.closeCode}`,
    );
    must(this.#drained === "done", "draining ends", () => this.#drained);
    this.#world.stop();
    this.#world.findings.raise();
  }
}

function pickState(random: Random): SeenState {
  const roll = random();
  if (roll < 0.1) return "greeting";
  if (roll < 0.16) return "opening";
  return roll < 0.22 ? "attaching" : "ready";
}
