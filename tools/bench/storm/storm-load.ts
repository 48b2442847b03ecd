import { sleep, systemClock } from "../../../runtime/clock.js";
import { watchBusyness } from "../generator/busyness.js";
import { createCountdown } from "../generator/countdown.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { toMachineUs } from "../generator/machine-clock.js";
import { mapBounded } from "../generator/map-bounded.js";
import { until } from "../generator/until.js";
import { followPages } from "./pages.js";
import { openStormDevice, type StormDevice } from "./storm-device.js";
import type { Arrived, StormReport, StormRequest } from "./storm-devices-calls.js";

/** Devices that come all at once, and go again; as often as they are told to. */
export interface StormLoad {
  /** @throws Error with the server's reason if one is not let in. */
  run(): Promise<StormReport>;
  leave(): Promise<void>;
  /** Verifies what those were given who came last. To be called once for each time. */
  report(): Holding[];
}

/** Until all have everything, and until all connections are closed, in milliseconds. */
const caughtUpWithinMs = 240_000;
const closedWithinMs = 30_000;
/** What a message takes of a page beside its text, near enough, in bytes. */
const overheadBytes = 90;
const problemsMax = 10;
/** How often a device tries to get in, and how long it pauses after the first try at most, as the shipped client does. */
const attemptsMax = 10;
const pauseMaxMs = 500;

type Listener = Readonly<{
  caughtUp(arrived: Arrived): void;
  turnedAway(): void;
  putOff(): void;
  problem(problem: string): void;
}>;

export function createStormLoad({ port, seats, messages, textBytes, loginsMax }: StormRequest): StormLoad {
  const inboxBytes = messages * (textBytes + overheadBytes);
  const devices = new Map<Seat, StormDevice>();
  let open = 0;
  let isLeaving = false;

  async function come(seat: Seat, startMs: number, listener: Listener) {
    let isOpen = false;
    const device = await openStormDevice(seat, {
      port,
      inboxBytes,
      caughtUp: (atMs) => listener.caughtUp({ startUs: toMachineUs(startMs), caughtUpMs: atMs - startMs }),
      putOff: listener.putOff,
      problem: listener.problem,
      lost(reason) {
        if (!isOpen) return; // it was not let in
        open--;
        if (!isLeaving) listener.problem(`user ${seat.userId} was cut off: ${reason}`);
      },
    });
    isOpen = true;
    open++;
    devices.set(seat, device);
  }

  /** One that is not let in tries again, as devices do; that takes part of its time. */
  async function insist(seat: Seat, listener: Listener): Promise<void> {
    const startMs = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await come(seat, startMs, listener);
      } catch (error) {
        if (attempt === attemptsMax) throw error;
        listener.turnedAway();
        await sleep(systemClock, attempt * pauseMaxMs * Math.random());
      }
    }
  }

  return {
    async run() {
      isLeaving = false;
      const busyness = watchBusyness();
      const tally = createTally(seats.length);
      await mapBounded(seats, loginsMax, (seat) => insist(seat, tally));
      if ((await tally.done) === "overdue") tally.problem(`devices lack messages after ${caughtUpWithinMs / 1_000} s`);
      return { ...tally.report(), busyness: busyness() };
    },
    async leave() {
      isLeaving = true;
      for (const device of devices.values()) device.leave();
      if (!(await until(() => open === 0, closedWithinMs))) throw new Error(`${open} connections were not closed`);
    },
    report() {
      const holdings = [...devices].map(([seat, device]) => followPages(seat, device.frames(), textBytes));
      for (const device of devices.values()) device[Symbol.dispose]();
      devices.clear();
      return holdings;
    },
  };
}

/** Counts what happens to so many devices. */
function createTally(devices: number) {
  const arrived: Arrived[] = [];
  const problems: string[] = [];
  let turnedAway = 0;
  let putOff = 0;
  const pending = createCountdown(devices, { clock: systemClock, timeoutMs: caughtUpWithinMs });
  return {
    /** Resolves when all have arrived, or have met a problem, or when time is up. */
    done: pending.done,
    caughtUp(one: Arrived) {
      arrived.push(one);
      pending.count(1);
    },
    turnedAway() {
      turnedAway++;
    },
    putOff() {
      putOff++;
    },
    problem(problem: string) {
      if (problems.length < problemsMax) problems.push(problem);
      pending.count(1);
    },
    report: () => ({ devices: arrived, turnedAway, putOff, problems }),
  };
}
