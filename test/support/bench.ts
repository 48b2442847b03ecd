import { parseArgs } from "node:util";
import { type Flags, type OptionsOf, readFlags } from "../../tools/bench/flags.js";
import type { ScenarioDeps } from "../../tools/bench/scenario.js";
import { describeMachine } from "../../tools/bench/stage/machine.js";

/** For a run of a benchmark that tells nobody how it gets on. */
export function depsOf(engine: ScenarioDeps["engine"]): ScenarioDeps {
  return {
    engine,
    serverSettings: {},
    profileDirectory: undefined,
    machine: describeMachine(),
    signal: new AbortController().signal,
    progress() {},
  };
}

/** @param words as on the command line: `--members 8 --rounds 1` */
export function readWords<Own extends Flags>(flags: Own, words: string): OptionsOf<Own> {
  const named = Object.values(flags).map(({ name }) => [name, { type: "string" as const }]);
  const { values } = parseArgs({ args: words.split(" "), options: Object.fromEntries(named) });
  return readFlags(flags, values);
}
