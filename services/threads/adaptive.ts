import type { Transport } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalClientFn } from "@connectrpc/connect/protocol";
import { MessageService, type SubmitBatchRequest } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Metrics } from "../../runtime/metrics.js";
import { readWhole } from "../../runtime/port-transport.js";
import type { Place, Placement } from "./placement.js";

/** The same calls, done here or by a thread, wherever that is cheaper. */
export type AdaptiveOptions<Way> = Readonly<{
  here: Way;
  thread: Way;
  placement: Placement;
  metrics: Pick<Metrics, "placedCalls">;
}>;

/** For calls of this thread: what stays here is never turned into bytes. */
export function createAdaptiveTransport(options: AdaptiveOptions<Transport>): Transport {
  const { here, placement } = options;
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const path = `/${method.parent.typeName}/${method.name}`;
      if (!placement.places(path)) return here.unary(method, signal, timeoutMs, header, input, contextValues);
      const bytes = method.name === submitBatch.name ? sizeOf(input as unknown as SubmitBatchRequest) : 0;
      return placed(options, path, bytes, (way) => way.unary(method, signal, timeoutMs, header, input, contextValues));
    },
    stream: here.stream,
  };
}

/** For calls that have come as bytes. */
export function createAdaptiveClient(options: AdaptiveOptions<UniversalClientFn>): UniversalClientFn {
  const { here, placement } = options;
  return async (request) => {
    const path = new URL(request.url).pathname;
    if (!placement.places(path)) return here(request);
    const body = await readWhole(request.body);
    return placed(options, path, body.length, (way) => way({ ...request, body: createAsyncIterable([body]) }));
  };
}

const { submitBatch } = MessageService.method;

async function placed<Way, Result>(
  options: AdaptiveOptions<Way>,
  path: string,
  bytes: number,
  run: (way: Way) => Promise<Result>,
): Promise<Result> {
  const { placement, metrics } = options;
  const place: Place = placement.begin(path, bytes);
  metrics.placedCalls.inc({ place });
  try {
    return await run(options[place]);
  } finally {
    placement.end(place);
  }
}

/** Near enough: what is not counted are some 20 bytes for each submission. */
function sizeOf({ submissions }: SubmitBatchRequest): number {
  return submissions.reduce((sum, { upMsg }) => sum + upMsg.length, 0);
}
