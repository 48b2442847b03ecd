import { MessageChannel } from "node:worker_threads";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createPortFabric, serveFabric } from "../../runtime/fabric/port-fabric.js";
import { openPortCalls, type PortCalls } from "../../runtime/port-calls.js";
import { createManualClock } from "../support/clock.js";
import { describeFabric } from "../support/fabric-contract.js";

/** A memory fabric at one end of a port, seen from the other. */
describeFabric("another thread", async () => {
  const clock = createManualClock();
  const memory = createMemoryFabric({ clock });
  const { port1, port2 } = new MessageChannel();
  const serving: PortCalls = openPortCalls(
    port1,
    serveFabric(memory, () => serving),
  );
  const remote = createPortFabric(() => using);
  const using: PortCalls = openPortCalls(port2, remote.handlers);
  const fabric: Fabric = {
    ...remote,
    async [Symbol.asyncDispose]() {
      port2.close();
      await serving.closed;
      await memory[Symbol.asyncDispose]();
    },
  };
  return { fabric, pass: async (ms) => clock.advance(ms) };
});
