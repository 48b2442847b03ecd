import type { DeviceSetup, DeviceStatus } from "./device.js";
import type { Place } from "./note.js";

/** `run` counts the runs of this crew, from 1. */
export type OpenRequest = Readonly<{ run: number; seed: number; devices: readonly DeviceSetup[] }>;

/** What a crew, a process with some of the devices, does on request. Devices go by their number. */
export type CrewCalls = {
  /** Opens the devices' storages and lets them connect. */
  open(request: OpenRequest): Promise<void>;
  /** Lets all of them send of their own accord, until `hush`. */
  chatter(request: { meanPauseMs: number }): void;
  hush(request: undefined): void;
  /** Returns the text of a message that is in the outbox for good. */
  say(request: { device: number; place: Place }): Promise<string>;
  /** Returns when a message of this device is stored and has come back to it. */
  probe(request: { device: number; place: Place }): Promise<void>;
  /** Returns when this device has the message with this text. */
  holds(request: { device: number; text: string }): Promise<void>;
  status(request: undefined): readonly DeviceStatus[];
  /** Closes them in order. */
  close(request: undefined): Promise<void>;
};
