import type { Scheduler } from "../engine/scheduler.js";

/** From a device to a gateway, in order. */
export interface UpChannel {
  send(arrive: () => void): void;
  /** Carries nothing until then; `Infinity`: never again. */
  block(untilMs: number): void;
}

export function createUpChannel(options: { scheduler: Scheduler; latencyMs(): number }): UpChannel {
  const { scheduler } = options;
  let blockedUntilMs = 0;
  let lastArrivalMs = 0;
  return {
    send(arrive) {
      lastArrivalMs = Math.max(lastArrivalMs, blockedUntilMs, scheduler.nowMs + options.latencyMs());
      if (lastArrivalMs < Number.POSITIVE_INFINITY) scheduler.at(lastArrivalMs, arrive);
    },
    block(untilMs) {
      blockedUntilMs = Math.max(blockedUntilMs, untilMs);
    },
  };
}
