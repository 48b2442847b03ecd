import type { Socket, SocketHandler } from "../../../gateway/server/server.js";
import type { SimNode } from "../engine/node.js";
import type { Scheduler } from "../engine/scheduler.js";
import { createDownChannel, type DownChannel } from "./down-channel.js";
import type { Topics } from "./topics.js";
import { createUpChannel, type UpChannel } from "./up-channel.js";

/** What a connection tells a device. */
export interface DeviceEnd {
  message(bytes: Uint8Array): void;
  closed(code: number): void;
}

export type LinkOptions = Readonly<{
  scheduler: Scheduler;
  latencyMs(): number;
  maxBackpressureBytes: number;
  kernelBytes: number;
  remoteAddress: string;
  gateway: SimNode;
  topics: Topics;
  device: SimNode;
  end: DeviceEnd;
  /** The gateway's part in it: called once. */
  open(socket: Socket): SocketHandler;
  /** Neither end has it any more. */
  gone(link: Link): void;
  /** True if what is published now gets lost without a word. */
  losesPush(): boolean;
  /** The gateway has handed a message to the socket. */
  handed(message: Uint8Array): void;
}>;

/** What a subscriber of a gateway's topics can be given. */
export interface Subscriber {
  publish(message: Uint8Array): void;
  /** Hands over what was published in this turn. */
  flush(): void;
}

/** RFC 6455 §7.4.1: no close frame came. */
const abnormal = 1006;

/** One WebSocket between a device and a gateway. Messages are whole and in order; each end learns of the other's end, or does not. */
export class Link implements Subscriber {
  readonly #options: LinkOptions;
  readonly #up: UpChannel;
  readonly #down: DownChannel;
  readonly #handler: SocketHandler;
  #published: Uint8Array[] = [];
  #isOpenAbove = true;
  #isOpenBelow = true;
  #isBroken = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { scheduler, latencyMs } = options;
    this.#up = createUpChannel({ scheduler, latencyMs });
    const drained = () => options.gateway.run(() => this.#isOpenAbove && this.#handler.drained());
    this.#down = createDownChannel({ ...options, drained });
    this.#handler = options.open(this.#createSocket());
  }

  /** True while the gateway has it. */
  get isOpenAbove(): boolean {
    return this.#isOpenAbove;
  }

  get bufferedBytes(): number {
    return this.#down.bufferedBytes;
  }

  // The gateway's end.

  #createSocket(): Socket {
    const { topics, remoteAddress } = this.#options;
    return {
      remoteAddress,
      send: (message) => this.#send(message),
      subscribe: (topic) => this.#isOpenAbove && topics.subscribe(topic, this),
      unsubscribe: (topic) => this.#isOpenAbove && topics.unsubscribe(topic, this),
      close: (code) => this.#close(code),
    };
  }

  #send(message: Uint8Array): void {
    if (!this.#isOpenAbove) return;
    this.flush();
    this.#offer([message]);
  }

  #close(code: number): void {
    if (!this.#isOpenAbove) return;
    this.flush();
    this.#down.finish({ bytes: 4, arrive: () => this.#arriveBelow(() => this.#closeBelow(code)) });
    this.#closeAbove();
  }

  publish(message: Uint8Array): void {
    this.#published.push(message);
  }

  /** A subscriber that has no room loses the whole batch, and is told once. */
  flush(): void {
    if (this.#published.length === 0) return;
    const batch = this.#published;
    this.#published = [];
    if (this.#isOpenAbove && !this.#options.losesPush()) this.#offer(batch);
  }

  // The device's end.

  transmit(bytes: Uint8Array): void {
    if (!this.#isOpenBelow) return;
    const buffer = bytes.slice();
    this.#up.send(() => this.#arriveAbove(() => this.#handle(buffer)));
  }

  disconnect(): void {
    if (!this.#isOpenBelow) return;
    this.#isOpenBelow = false;
    this.#up.send(() => this.#arriveAbove(() => this.#closeAbove()));
    this.#tellIfGone();
  }

  // What befalls it.

  /** It breaks: what is under way is lost, and both ends notice. */
  cut(): void {
    this.#isBroken = true;
    const { scheduler, gateway, device, latencyMs } = this.#options;
    scheduler.after(latencyMs(), () => gateway.run(() => this.#closeAbove()));
    scheduler.after(latencyMs(), () => device.run(() => this.#closeBelow(abnormal)));
  }

  /** It carries nothing for a while, and then all that waited. */
  stall(forMs: number): void {
    const untilMs = this.#options.scheduler.nowMs + forMs;
    this.#up.block(untilMs);
    this.#down.block(untilMs);
  }

  /** It falls silent for good, and nobody is told. */
  silence(direction: "up" | "down" | "both"): void {
    if (direction !== "down") this.#up.block(Number.POSITIVE_INFINITY);
    if (direction !== "up") this.#down.block(Number.POSITIVE_INFINITY);
  }

  throttle(bytesPerMs: number): void {
    this.#down.throttle(bytesPerMs);
  }

  /** The device does not read for a while. */
  holdBack(forMs: number): void {
    this.#down.block(this.#options.scheduler.nowMs + forMs);
  }

  /** The gateway's process has ended. @param farewell "reset": its kernel says so; "none": the host is gone as well. */
  gatewayDied(farewell: "reset" | "none"): void {
    this.#isOpenAbove = false;
    this.#isBroken = true;
    const { scheduler, device, latencyMs } = this.#options;
    if (farewell === "reset") scheduler.after(latencyMs(), () => device.run(() => this.#closeBelow(abnormal)));
    this.#tellIfGone();
  }

  deviceDied(farewell: "reset" | "none"): void {
    this.#isOpenBelow = false;
    const { scheduler, gateway, latencyMs } = this.#options;
    if (farewell === "reset") scheduler.after(latencyMs(), () => gateway.run(() => this.#closeAbove()));
    this.#tellIfGone();
  }

  #offer(batch: readonly Uint8Array[]): void {
    const bytes = batch.reduce((sum, message) => sum + message.length + 4, 0);
    const arrive = () => this.#arriveBelow(() => this.#receive(batch));
    if (this.#down.offer({ bytes, arrive }) === "dropped") return this.#handler.dropped();
    for (const message of batch) this.#options.handed(message);
  }

  #receive(batch: readonly Uint8Array[]): void {
    for (const message of batch) if (this.#isOpenBelow) this.#options.end.message(message);
  }

  #handle(buffer: Uint8Array): void {
    this.#handler.message(buffer, "binary");
    buffer.fill(0xff); // the socket reuses its buffer
  }

  #arriveAbove(then: () => void): void {
    if (this.#isBroken) return;
    this.#options.gateway.run(() => {
      if (this.#isOpenAbove) then();
    });
  }

  #arriveBelow(then: () => void): void {
    if (this.#isBroken || !this.#isOpenBelow) return;
    this.#options.device.run(() => {
      if (this.#isOpenBelow) then();
    });
  }

  #closeAbove(): void {
    if (!this.#isOpenAbove) return;
    this.#isOpenAbove = false;
    this.#published = [];
    this.#options.topics.forget(this);
    this.#handler.closed();
    this.#tellIfGone();
  }

  #closeBelow(code: number): void {
    if (!this.#isOpenBelow) return;
    this.#isOpenBelow = false;
    this.#options.end.closed(code);
    this.#tellIfGone();
  }

  #tellIfGone(): void {
    if (!this.#isOpenAbove && !this.#isOpenBelow) this.#options.gone(this);
  }
}
