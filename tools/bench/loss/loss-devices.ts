import { serveCalls } from "../stage/calls.js";
import type { LossDevicesCalls } from "./loss-devices-calls.js";
import { type LossLoad, openLossLoad } from "./loss-load.js";

/** The devices whose connections are dropped, with the proxies that do it: a process of its own, or several. */
let load: LossLoad | undefined;

const calls: LossDevicesCalls = {
  async join(request) {
    load = await openLossLoad(request);
  },
  async run(request) {
    if (!load) throw new Error("no device has joined");
    return await load.run(request);
  },
  async report() {
    if (!load) throw new Error("no device has joined");
    return await load.report();
  },
  async leave() {
    await load?.[Symbol.asyncDispose]();
  },
};

serveCalls(calls);
