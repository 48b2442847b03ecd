import { unreachable } from "../../runtime/error.js";

/** Seen from a device: `up` leads to the server. */
export type Direction = "up" | "down";

/** What is done to the connections of some devices. Devices and crews are numbered from 0. */
export type NetworkFault =
  /** Every chunk is late by `delayMs` and up to `jitterMs` more. Order is kept, as TCP does. */
  | { kind: "delay"; devices: readonly number[]; delayMs: number; jitterMs: number }
  /** Bytes come in pieces of 1 to `sliceMaxBytes`. */
  | { kind: "slice"; devices: readonly number[]; sliceMaxBytes: number }
  /** A part of what is sent still passes, `passBytes` of it, then the connection is reset. */
  | { kind: "truncate"; devices: readonly number[]; direction: Direction; passBytes: number }
  | { kind: "reset"; devices: readonly number[] }
  /**
   * Open connections fall silent without closing, and neither end hears of the other's closing. In the end what was held
   * arrives after all, or a reset does. New connections work.
   */
  | { kind: "half-open"; devices: readonly number[]; directions: readonly Direction[]; ending: "resume" | "reset" }
  /** Open connections are reset, and no new ones come about. */
  | { kind: "refuse"; devices: readonly number[] };

/** What is done to processes and to the database. One at a time. */
export type ProcessFault =
  /** SIGKILL, and a new start after the fault's duration. */
  | { kind: "server-kill" }
  /** SIGSTOP, then SIGCONT. */
  | { kind: "server-pause" }
  /** SIGTERM under load, and a new start. */
  | { kind: "server-stop" }
  /** An immediate stop of PostgreSQL, and a new start, which has to recover. */
  | { kind: "database-crash" }
  /** SIGSTOP for PostgreSQL's postmaster and all its backends, then SIGCONT. */
  | { kind: "database-pause" }
  /** All of the server's connections to the database are terminated. */
  | { kind: "database-disconnect" }
  /** Somebody else holds the lock on a group's row. `group` is its number. */
  | { kind: "row-lock"; group: number }
  /** SIGKILL for a process with devices in it, and a new start on what their storages hold. */
  | { kind: "crew-kill"; crew: number };

/** `atMs` counts from the start of the run. A fault of duration 0 is over as soon as it has happened. */
export type Fault = Readonly<{ number: number; atMs: number; durationMs: number }> & (NetworkFault | ProcessFault);

export type FaultKind = Fault["kind"];

export const networkFaults = ["delay", "slice", "truncate", "reset", "half-open", "refuse"] as const;
export const processFaults = [
  "server-kill",
  "server-pause",
  "server-stop",
  "database-crash",
  "database-pause",
  "database-disconnect",
  "row-lock",
  "crew-kill",
] as const;

/** In a few words, for the log of a run. */
export function describeFault(fault: Fault): string {
  const lasting = fault.durationMs > 0 ? ` for ${(fault.durationMs / 1000).toFixed(1)} s` : "";
  return `#${fault.number} ${fault.kind}${lasting}${detailOf(fault)}`;
}

function detailOf(fault: Fault): string {
  switch (fault.kind) {
    case "delay":
      return `, ${fault.delayMs} to ${fault.delayMs + fault.jitterMs} ms, ${devicesOf(fault)}`;
    case "slice":
      return `, at most ${fault.sliceMaxBytes} bytes, ${devicesOf(fault)}`;
    case "truncate":
      return `, ${fault.direction} after ${fault.passBytes} bytes, ${devicesOf(fault)}`;
    case "half-open":
      return `, ${fault.directions.join(" and ")}, then ${fault.ending}, ${devicesOf(fault)}`;
    case "reset":
    case "refuse":
      return `, ${devicesOf(fault)}`;
    case "row-lock":
      return `, group ${fault.group}`;
    case "crew-kill":
      return `, crew ${fault.crew}`;
    case "server-kill":
    case "server-pause":
    case "server-stop":
    case "database-crash":
    case "database-pause":
    case "database-disconnect":
      return "";
    default:
      return unreachable(fault);
  }
}

function devicesOf({ devices }: NetworkFault): string {
  return `${devices.length} ${devices.length === 1 ? "device" : "devices"}`;
}

/** True if at most one of them happens at a time. */
export function isProcessFault(fault: Fault): fault is Fault & ProcessFault {
  return (processFaults as readonly string[]).includes(fault.kind);
}
