import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Caller, createCaller } from "../../tools/bench/stage/calls.js";
import type { CrewCalls } from "./crew-calls.js";
import type { DeviceSetup, DeviceStatus } from "./device.js";

/** One process with devices in it, again and again. */
export interface Crew {
  readonly devices: readonly number[];
  /** Rejects while the process is dead, and when it dies. */
  readonly call: Caller<CrewCalls>;
  /** Like `call("status")`, but answers with the last known state while the process is dead. */
  status(): Promise<readonly DeviceStatus[]>;
  kill(): Promise<void>;
  /** Starts the process again. Its devices go on with what their storages hold, and chatter if they should. */
  restart(): Promise<void>;
}

/** All devices, in several processes. Its disposal kills them. */
export interface Crews extends Disposable {
  readonly all: readonly Crew[];
  crewOf(device: number): Crew;
  /** From now on, also after a restart. */
  chatter(meanPauseMs: number): Promise<void>;
  hush(): Promise<void>;
  status(): Promise<DeviceStatus[]>;
  /** Closes all devices in order. */
  close(): Promise<void>;
}

export type CrewsOptions = Readonly<{
  seed: number;
  /** The devices of each crew. */
  setups: readonly (readonly DeviceSetup[])[];
  /** Called when a crew ends although nobody has killed it. */
  onProblem: (problem: string) => void;
}>;

const module = fileURLToPath(new URL("./crew.js", import.meta.url));

export async function startCrews(options: CrewsOptions): Promise<Crews> {
  const plan: Plan = { meanPauseMs: undefined };
  const crews = options.setups.map((setups, index) => new RunningCrew(setups, index, { ...options, plan }));
  const byDevice = new Map(crews.flatMap((crew) => crew.devices.map((device) => [device, crew] as const)));
  const all = async (act: (crew: Crew) => Promise<void>) => void (await Promise.all(crews.map(act)));
  const started: Crews = {
    all: crews,
    crewOf(device) {
      const crew = byDevice.get(device);
      if (!crew) throw new Error(`no crew has device ${device}`);
      return crew;
    },
    chatter(meanPauseMs) {
      plan.meanPauseMs = meanPauseMs;
      return all((crew) => crew.call("chatter", { meanPauseMs }));
    },
    hush() {
      plan.meanPauseMs = undefined;
      return all((crew) => crew.call("hush", undefined));
    },
    status: async () => (await Promise.all(crews.map((crew) => crew.status()))).flat(),
    close: () => all((crew) => crew.call("close", undefined)),
    [Symbol.dispose]() {
      for (const crew of crews) crew.end();
    },
  };
  try {
    await all((crew) => crew.restart());
    return started;
  } catch (error) {
    started[Symbol.dispose]();
    throw error;
  }
}

/** How often the devices send, if they do. */
type Plan = { meanPauseMs: number | undefined };

class RunningCrew implements Crew {
  readonly devices: readonly number[];
  readonly #setups: readonly DeviceSetup[];
  readonly #index: number;
  readonly #options: CrewsOptions & { plan: Plan };
  #run = 0;
  #child: ChildProcess | undefined;
  #call: Caller<CrewCalls> = () => Promise.reject(new Error("the crew has not started"));
  #last: readonly DeviceStatus[] = [];
  /** What the devices had counted when their process was killed. */
  #before = new Map<number, Counts>();

  constructor(setups: readonly DeviceSetup[], index: number, options: CrewsOptions & { plan: Plan }) {
    this.devices = setups.map(({ number }) => number);
    this.#setups = setups;
    this.#index = index;
    this.#options = options;
  }

  get call(): Caller<CrewCalls> {
    return this.#call;
  }

  async status(): Promise<readonly DeviceStatus[]> {
    const now = await this.#call("status", undefined).catch(() => undefined);
    const isWhole = now !== undefined && now.length === this.devices.length; // else they are being opened
    if (!isWhole) return this.#last.map((status) => ({ ...status, connection: "killed" }));
    this.#last = now.map((status) => ({ ...status, ...sum(status, this.#before.get(status.device)) }));
    return this.#last;
  }

  async restart(): Promise<void> {
    this.#run += 1;
    this.#before = new Map(this.#last.map((status) => [status.device, status]));
    // Detached: Ctrl-C in a terminal reaches the run alone, which ends its crews itself.
    const stdio = ["ignore", "ignore", "inherit", "ipc"] as const;
    const child = fork(module, { serialization: "advanced", detached: true, stdio: [...stdio] });
    this.#child = child;
    this.#call = createCaller<CrewCalls>(child, `crew ${this.#index}`);
    child.once("exit", (code, signal) => {
      if (this.#child === child) this.#options.onProblem(`crew ${this.#index} ended by itself (${signal ?? code})`);
    });
    const { seed, plan } = this.#options;
    await this.#call("open", { run: this.#run, seed, devices: this.#setups });
    if (plan.meanPauseMs !== undefined) await this.#call("chatter", { meanPauseMs: plan.meanPauseMs });
  }

  async kill(): Promise<void> {
    await this.status();
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, "exit");
    this.end();
    await exited;
  }

  end(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
  }
}

type Counts = Pick<DeviceStatus, "sent" | "acked" | "applied">;

function sum(now: Counts, before: Counts = { sent: 0, acked: 0, applied: 0 }): Counts {
  return {
    sent: now.sent + before.sent,
    acked: now.acked + before.acked,
    applied: now.applied + before.applied,
  };
}
