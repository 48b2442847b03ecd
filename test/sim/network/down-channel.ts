import type { Scheduler } from "../engine/scheduler.js";

/** One WebSocket message on its way, with what happens when it arrives. */
export type InFlight = Readonly<{ bytes: number; arrive: () => void }>;

export type DownChannelOptions = Readonly<{
  scheduler: Scheduler;
  latencyMs(): number;
  /** Above this, nothing more is taken; a message that is under it may overshoot. */
  maxBackpressureBytes: number;
  /** What the kernels on both sides hold, which does not count as backpressure. */
  kernelBytes: number;
  /** Nothing waits any more, after something did. */
  drained(): void;
}>;

/**
 * From a gateway to a device, in order. Whoever reads at full speed has no queue here; for one that reads slowly, or not at all,
 * messages wait, and beyond the bound they are dropped, as uWebSockets does it.
 */
export interface DownChannel {
  offer(message: InFlight): "taken" | "dropped";
  /** As `offer`, but never dropped: the end of the connection. */
  finish(message: InFlight): void;
  /** @param bytesPerMs how fast the device reads from now on. */
  throttle(bytesPerMs: number): void;
  /** Carries nothing until then; `Infinity`: never again. */
  block(untilMs: number): void;
  readonly bufferedBytes: number;
}

export function createDownChannel(options: DownChannelOptions): DownChannel {
  const { scheduler, kernelBytes } = options;
  let queue: InFlight[] = [];
  let queuedBytes = 0;
  let bytesPerMs = Number.POSITIVE_INFINITY;
  let blockedUntilMs = 0;
  let lastArrivalMs = 0;
  let isPumping = false;
  let wasBuffering = false;

  const buffered = () => Math.max(0, queuedBytes - kernelBytes);

  function fly({ arrive }: InFlight) {
    lastArrivalMs = Math.max(lastArrivalMs, scheduler.nowMs + options.latencyMs());
    scheduler.at(lastArrivalMs, arrive);
  }

  function enqueue(message: InFlight) {
    if (queue.length === 0 && bytesPerMs === Number.POSITIVE_INFINITY && blockedUntilMs <= scheduler.nowMs) {
      return fly(message);
    }
    queue.push(message);
    queuedBytes += message.bytes;
    if (buffered() > 0) wasBuffering = true;
    pump();
  }

  /** One message at a time is being read. */
  function pump() {
    const [next] = queue;
    if (isPumping || next === undefined || blockedUntilMs === Number.POSITIVE_INFINITY) return;
    isPumping = true;
    const readMs = next.bytes / bytesPerMs;
    scheduler.at(Math.max(blockedUntilMs, scheduler.nowMs) + readMs, () => {
      isPumping = false;
      if (scheduler.nowMs < blockedUntilMs) return pump();
      queue = queue.slice(1);
      queuedBytes -= next.bytes;
      fly(next);
      pump();
      if (!wasBuffering || buffered() > 0) return;
      wasBuffering = false;
      options.drained();
    });
  }

  return {
    offer(message) {
      if (buffered() > options.maxBackpressureBytes) return "dropped";
      enqueue(message);
      return "taken";
    },
    finish: enqueue,
    throttle(rate) {
      bytesPerMs = rate;
    },
    block(untilMs) {
      blockedUntilMs = Math.max(blockedUntilMs, untilMs);
    },
    get bufferedBytes() {
      return buffered();
    },
  };
}
