import { describeStatus } from "./convergence.js";
import type { DeviceStatus } from "./device.js";

/** Nobody reads more names. */
const namesMax = 3;

/** One line about a run that is under way. */
export function toProgressLine(
  atMs: number,
  faults: { over: number; active: number },
  statuses: readonly DeviceStatus[],
) {
  const total = (count: (status: DeviceStatus) => number) => statuses.reduce((sum, each) => sum + count(each), 0);
  const unwell = statuses.filter(({ connection, unsent }) => connection !== "ready" || unsent > 5);
  const names = unwell.slice(0, namesMax).map(describeStatus);
  if (unwell.length > namesMax) names.push(`${unwell.length - namesMax} more`);
  return [
    `${String(Math.round(atMs / 1000)).padStart(4)} s`,
    `${faults.over} faults over, ${faults.active} under way`,
    `${total(({ sent }) => sent)} sent`,
    `${total(({ acked }) => acked)} acked`,
    `${total(({ applied }) => applied)} delivered`,
    names.length === 0 ? "all well" : `behind: ${names.join("; ")}`,
  ].join("  ");
}
