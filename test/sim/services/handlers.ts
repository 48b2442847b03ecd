import { create, type DescMethodUnary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";

/** One method of a service, called as through a client. */
export type Call<Method extends DescMethodUnary> = (
  request: MessageInitShape<Method["input"]>,
) => Promise<MessageShape<Method["output"]>>;

/**
 * A handler behind its interceptors, without a transport. What it throws arrives as it would at a client: as a ConnectError.
 * @param interceptors the outermost first
 */
export function callOf<Method extends DescMethodUnary>(
  method: Method,
  interceptors: readonly Interceptor[],
  handle: (request: MessageShape<Method["input"]>) => Promise<MessageInitShape<Method["output"]>>,
): Call<Method> {
  type Next = ReturnType<Interceptor>;
  const innermost = async ({ message }: { message: MessageShape<Method["input"]> }) => ({
    message: create(method.output as Method["output"], await handle(message)),
  });
  const chain = interceptors.reduceRight<Next>((next, intercept) => intercept(next), innermost as unknown as Next);
  return async (request) => {
    const message = create(method.input as Method["input"], request);
    const response = await chain({ stream: false, method, message } as unknown as Parameters<Next>[0]);
    return response.message as unknown as MessageShape<Method["output"]>;
  };
}
