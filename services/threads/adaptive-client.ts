import { createAsyncIterable, type UniversalClientFn } from "@connectrpc/connect/protocol";
import type { Metrics } from "../../runtime/metrics.js";
import { readWhole } from "../../runtime/port-transport.js";
import type { Placement } from "./placement.js";

/** Has each call done here or by a thread, wherever that is cheaper. */
export function createAdaptiveClient(options: {
  here: UniversalClientFn;
  thread: UniversalClientFn;
  placement: Placement;
  metrics: Pick<Metrics, "placedCalls">;
}): UniversalClientFn {
  const { placement, metrics } = options;
  return async (request) => {
    const path = new URL(request.url).pathname;
    if (!placement.places(path)) return options.here(request);
    const body = await readWhole(request.body);
    const place = placement.begin(path, body.length);
    metrics.placedCalls.inc({ place });
    try {
      return await options[place]({ ...request, body: createAsyncIterable([body]) });
    } finally {
      placement.end(place);
    }
  };
}
