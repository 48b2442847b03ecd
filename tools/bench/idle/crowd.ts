import { sleep, systemClock } from "../../../runtime/clock.js";
import type { IdleRequest } from "../generator/generator-calls.js";
import { secondLookMs } from "../generator/member.js";
import { until } from "../generator/until.js";
import type { ScenarioDeps } from "../scenario.js";
import type { BareStage } from "../stage/bare-stage.js";
import { dealOut } from "../stage/crew.js";
import { forkGenerators } from "../stage/generators.js";
import type { IdleOptions } from "./options.js";

/** Those who connect and are idle: devices at the server, or bare sockets at the raw one. */
export interface Crowd extends AsyncDisposable {
  /**
   * Lets `size` of them come, calls `look` when the server has nothing more to do for them, and lets them go.
   * @throws Error if one is lost, or does not answer a heartbeat, or if the server counts other connections than these.
   */
  visit<Result>(kind: IdleRequest["kind"], size: number, look: () => Promise<Result>): Promise<Result>;
  /** Logins so far. */
  readonly logins: number;
  /** Heartbeats that were answered while all were there. */
  readonly answered: number;
}

/** How long the server may take to let go of those who have left, in milliseconds. */
const goneWithinMs = 10_000;
const pollMs = 50;

export function forkCrowd(
  stage: BareStage,
  rawPort: number,
  options: Pick<IdleOptions, "generators">,
  deps: ScenarioDeps,
): Crowd {
  const { server, credentials } = stage;
  const generators = forkGenerators(options.generators, stage, deps);
  let logins = 0;
  let answered = 0;

  function open(kind: IdleRequest["kind"], size: number) {
    const shares = dealOut(credentials.slice(0, size), generators.size).map(
      (share): IdleRequest =>
        kind === "devices"
          ? { kind, port: server.port, credentials: share }
          : { kind, port: rawPort, sockets: share.length },
    );
    return generators.callInTurn("openIdle", shares);
  }

  async function expectSessions(expected: number) {
    const countSessions = async () => (await server.readCounters()).get("tidewire_sessions");
    if (await until(async () => (await countSessions()) === expected, goneWithinMs, pollMs)) return;
    throw new Error(`the server counts ${await countSessions()} sessions, not ${expected}`);
  }

  return {
    get logins() {
      return logins;
    },
    get answered() {
      return answered;
    },
    async visit(kind, size, look) {
      const isLogin = kind === "devices";
      await open(kind, size);
      if (isLogin) logins += size;
      await expectSessions(isLogin ? size : 0);
      if (isLogin) await sleep(systemClock, secondLookMs, deps.signal);
      const seen = await look();
      await generators.call("checkIdle", undefined);
      if (isLogin) answered += size;
      await generators.call("closeIdle", undefined);
      await expectSessions(0);
      return seen;
    },
    [Symbol.asyncDispose]: () => generators[Symbol.asyncDispose](),
  };
}
