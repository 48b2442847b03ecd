import type { Outcome } from "../gen/ts/tidewire/v1/message_pb.js";
import type { GatewayContext } from "./context.js";
import { newFlow } from "./downlink/flow.js";
import type { LocalSession } from "./hub/local-session.js";
import type { Socket } from "./server/server.js";
import type { Identity, SessionEvent, SettledSubmission } from "./session/state.js";
import type { UplinkSource } from "./uplink/lanes.js";

type Dispatcher = Readonly<{ dispatch(event: SessionEvent): void }>;

/** A session with a known user, as hub, downlink and lanes see it. */
export class DeviceSession implements LocalSession, UplinkSource {
  readonly identity: Identity;
  flow = newFlow;
  pushed: Set<bigint> | undefined;
  readonly #connection: Dispatcher;
  readonly #socket: Socket;
  readonly #context: Pick<GatewayContext, "downlink" | "metrics">;

  constructor(
    identity: Identity,
    connection: Dispatcher,
    socket: Socket,
    context: Pick<GatewayContext, "downlink" | "metrics">,
  ) {
    this.identity = identity;
    this.#connection = connection;
    this.#socket = socket;
    this.#context = context;
  }

  get userId() {
    return this.identity.userId;
  }

  get device() {
    return this.identity.device;
  }

  get epoch() {
    return this.identity.epoch;
  }

  dispatch(event: SessionEvent) {
    this.#connection.dispatch(event);
  }

  send(frames: Uint8Array) {
    this.#socket.send(frames);
  }

  subscribe(topic: string) {
    this.#socket.subscribe(topic);
  }

  unsubscribe(topic: string) {
    this.#socket.unsubscribe(topic);
  }

  settled(outcomes: readonly { clientId: bigint; outcome: Outcome }[]) {
    const told = outcomes.map((settled) => ({ ...settled, told: this.#told(settled.outcome) }));
    this.dispatch({ kind: "outcomes", outcomes: told });
  }

  gaveUp() {
    this.dispatch({ kind: "lane-gave-up" });
  }

  #told({ result, duplicate }: Outcome): SettledSubmission["told"] {
    if (result.case !== "stored" || duplicate) return "not-yet"; // who asks again has not heard it
    const { conversationId, seq } = result.value;
    if (!this.#context.downlink.hasJustPushed(this, conversationId, seq)) return "not-yet";
    this.#context.metrics.acksByPush.inc();
    return "by-push";
  }
}
