import { serveCalls } from "../stage/calls.js";
import type { StormDevicesCalls } from "./storm-devices-calls.js";
import { createStormLoad, type StormLoad } from "./storm-load.js";

/** The devices that come in a storm: a process of its own, so that live traffic is measured by one that is not busy with pages. */
let load: StormLoad | undefined;

function prepared(): StormLoad {
  if (!load) throw new Error("no device has been prepared");
  return load;
}

const calls: StormDevicesCalls = {
  prepare(request) {
    load = createStormLoad(request);
  },
  run: () => prepared().run(),
  leave: () => prepared().leave(),
  report: () => prepared().report(),
};

serveCalls(calls);
