import { serveCalls } from "../../tools/bench/stage/calls.js";
import { seededRandom } from "../support/device-world.js";
import { createChance } from "./chance.js";
import type { CrewCalls } from "./crew-calls.js";
import { type Device, openDevice } from "./device.js";

/** A process with some of the devices, for the endurance run to kill. */
const devices = new Map<number, Device>();

function deviceOf(number: number): Device {
  const device = devices.get(number);
  if (!device) throw new Error(`device ${number} is not here`);
  return device;
}

const calls: CrewCalls = {
  async open({ run, seed, devices: setups }) {
    const open = async (setup: (typeof setups)[number]) => {
      const chance = createChance(seededRandom(seed + setup.number * 1_000 + run));
      devices.set(setup.number, await openDevice(setup, { run, chance }));
    };
    await Promise.all(setups.map(open));
  },
  chatter({ meanPauseMs }) {
    for (const device of devices.values()) device.chatter(meanPauseMs);
  },
  hush() {
    for (const device of devices.values()) device.hush();
  },
  say: ({ device, place }) => deviceOf(device).say(place, "herald"),
  probe: ({ device, place }) => deviceOf(device).probe(place),
  holds: ({ device, text }) => deviceOf(device).holds(text),
  status: () => [...devices.values()].map(({ status }) => status),
  async close() {
    await Promise.all([...devices.values()].map((device) => device.close()));
  },
};

serveCalls(calls);
