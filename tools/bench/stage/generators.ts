import { type GeneratorCalls, generatorModule } from "../generator/generator-calls.js";
import { tellMeanwhile } from "../report/progress.js";
import type { ScenarioDeps } from "../scenario.js";
import type { BareStage } from "./bare-stage.js";
import { type Crew, forkCrew } from "./crew.js";

/** The load generators. `callInTurn` tells meanwhile how many connections there are. */
export type Generators = Crew<GeneratorCalls>;

export function forkGenerators(
  size: number,
  { processOptions }: Pick<BareStage, "processOptions">,
  { progress }: Pick<ScenarioDeps, "progress">,
): Generators {
  const crew = forkCrew<GeneratorCalls>(generatorModule, size, processOptions("generator"));

  async function tellConnected() {
    const counts = await crew.call("countConnections", undefined);
    progress(`${counts.reduce((sum, count) => sum + count)} connections are open`);
  }
  return {
    ...crew,
    callInTurn: (name, shares) =>
      tellMeanwhile(crew.callInTurn(name, shares), () => void tellConnected().catch(() => {})), // what fails it fails the work
  };
}
