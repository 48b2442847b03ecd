import { create, type DescMessage, type DescMethod, type DescMethodUnary, type DescService } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import type { Clock } from "./clock.js";

/** Where services register; a Connect router is one as well. */
export type ServiceRegistry = Pick<ConnectRouter, "service">;

type UnaryFn = (request: UnaryRequest) => Promise<UnaryResponse>;
type Implementation = (request: unknown, context: HandlerContext) => unknown;

/**
 * Calls services of this thread, through their interceptors. Neither request nor response is turned into bytes: both sides hold the same
 * objects, and nobody may change them. Connect's router transport imitates HTTP, which costs more than most calls do.
 */
export function createLocalTransport(register: (registry: ServiceRegistry) => void, clock: Clock): Transport {
  const methods = new Map<DescMethod, UnaryFn>();
  register({
    service(service, implementation, options) {
      addMethods(methods, service, implementation, options?.interceptors ?? []);
      return this as ConnectRouter;
    },
  });

  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const call = methods.get(method);
      if (!call) throw new ConnectError(`${method.parent.typeName}.${method.name} is not here`, Code.Unimplemented);
      if (signal?.aborted) throw ConnectError.from(signal.reason, Code.Canceled);
      const request: UnaryRequest<typeof method.input, typeof method.output> = {
        ...requestTo(method),
        signal: signal ?? neverAborted,
        header: new Headers(header),
        contextValues: contextValues ?? createContextValues(),
        message: create(method.input, input),
      };
      const answered = call(request) as Promise<UnaryResponse<typeof method.input, typeof method.output>>;
      return inTime(answered, { clock, timeoutMs, signal });
    },
    async stream(method) {
      throw new ConnectError(`${method.name} is a stream, and they are not offered here`, Code.Unimplemented);
    },
  };
}

const neverAborted = new AbortController().signal;

function requestTo<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>) {
  const url = `https://in-memory/${method.parent.typeName}/${method.name}`;
  return { stream: false, service: method.parent, method, requestMethod: "POST", url } as const;
}

function addMethods(
  methods: Map<DescMethod, UnaryFn>,
  service: DescService,
  implementation: object,
  interceptors: readonly Interceptor[],
): void {
  for (const method of service.methods) {
    const implemented = (implementation as Readonly<Record<string, Implementation | undefined>>)[method.localName];
    if (!isUnary(method) || !implemented) continue;
    const innermost = invocationOf(method, implemented);
    methods.set(
      method,
      interceptors.reduceRight<UnaryFn>((next, wrap) => wrap(next as never) as UnaryFn, innermost),
    );
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function invocationOf(method: DescMethodUnary, implemented: Implementation): UnaryFn {
  return async (request) => {
    const context = contextOf(request);
    const message = create(method.output, (await implemented(request.message, context)) as Record<string, unknown>);
    const [header, trailer] = [context.responseHeader, context.responseTrailer];
    return { stream: false, service: method.parent, method, header, trailer, message };
  };
}

function contextOf({
  service,
  method,
  requestMethod,
  url,
  signal,
  header,
  contextValues,
}: UnaryRequest): HandlerContext {
  return {
    service,
    method,
    requestMethod,
    url,
    signal,
    protocolName: "local",
    timeoutMs: () => undefined,
    values: contextValues,
    requestHeader: header,
    responseHeader: new Headers(),
    responseTrailer: new Headers(),
  };
}

type Patience = Readonly<{ clock: Clock; timeoutMs: number | undefined; signal: AbortSignal | undefined }>;

/** Rejects when the deadline is reached or the caller gives up. The call goes on: whether it still succeeds, nobody learns. */
function inTime<Result>(work: Promise<Result>, { clock, timeoutMs, signal }: Patience): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = () => settle(() => reject(new ConnectError("the operation timed out", Code.DeadlineExceeded)));
    const timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, late);
    signal?.addEventListener("abort", abort);
    function abort() {
      settle(() => reject(ConnectError.from(signal?.reason, Code.Canceled)));
    }
    function settle(outcome: () => void) {
      timer?.[Symbol.dispose]();
      signal?.removeEventListener("abort", abort);
      outcome();
    }
    work.then(
      (result) => settle(() => resolve(result)),
      (thrown: unknown) => settle(() => reject(ConnectError.from(thrown, Code.Internal))),
    );
  });
}
