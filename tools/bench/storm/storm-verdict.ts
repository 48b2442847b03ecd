import type { Flawed } from "../scenario.js";
import { judge } from "../stage/verdict.js";
import type { StormOptions } from "./options.js";
import { judgePages } from "./pages.js";
import type { StormVerified } from "./storm-result.js";
import { type Held, type OfEach, type StormVerdict, variants } from "./storm-stage.js";

/** What was sent on one server, and what everybody was given. */
export type Given = Held &
  Readonly<{
    sent: number;
    acked: number;
    /** How often devices came in storms, all together. */
    visits: number;
    problems: readonly string[];
  }>;

type Judged = Readonly<{ kind: "flawless"; verified: StormVerified }> | Flawed;

/** Judges both servers: live traffic as in `direct`, and what the devices that came in storms have got. Pure. */
export function judgeStorms(
  given: OfEach<Given>,
  rows: StormVerdict,
  options: Pick<StormOptions, "devices" | "groupMembers" | "messages">,
): Judged {
  const judged = variants.map((variant) => judgeServer(given[variant], rows[variant], options));
  const problems = variants.flatMap((variant, index) =>
    (judged[index]?.problems ?? []).map((problem) => `${variant} service threads: ${problem}`),
  );
  const isFlawless = judged.every(({ kind }) => kind === "flawless");
  const verified = addUp(judged.map((one) => one.verified));
  return isFlawless ? { kind: "flawless", verified } : { kind: "flawed", verified, problems };
}

function judgeServer(
  { sent, acked, live, synced, visits, problems }: Given,
  rows: StormVerdict["with"],
  { devices, groupMembers, messages }: Pick<StormOptions, "devices" | "groupMembers" | "messages">,
) {
  const own = judge({ sent, acked, holdings: live, devicesPerMessage: 2, rows: rows.live, problems });
  const pages = judgePages(synced, { messages, visits });
  const stored = messages * Math.ceil(devices / groupMembers);
  const missing =
    rows.synced.durableRows === stored ? [] : [`the groups have ${rows.synced.durableRows} rows, not ${stored}`];
  const all = [...own.problems, ...pages.problems, ...rows.synced.problems, ...missing];
  const isComplete = pages.lost + pages.duplicated === 0 && pages.synced === messages * visits;
  const verified: StormVerified = {
    ...own.verified,
    lost: own.verified.lost + pages.lost,
    duplicated: own.verified.duplicated + pages.duplicated,
    synced: pages.synced,
    synced_rows: rows.synced.durableRows,
  };
  return {
    kind: own.kind === "flawless" && isComplete && all.length === 0 ? "flawless" : "flawed",
    verified,
    problems: all,
  };
}

function addUp(all: readonly StormVerified[]): StormVerified {
  const sum = (name: keyof StormVerified) => all.reduce((total, one) => total + one[name], 0);
  return {
    sent: sum("sent"),
    acked: sum("acked"),
    delivered: sum("delivered"),
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    reordered: sum("reordered"),
    durable_rows: sum("durable_rows"),
    synced: sum("synced"),
    synced_rows: sum("synced_rows"),
  };
}
