import { Code, ConnectError } from "@connectrpc/connect";
import type { NodeDeps } from "../../../gateway/node.js";
import { never, type SimNode } from "../engine/node.js";
import type { Random } from "../engine/random.js";
import type { Planned, Scheduler } from "../engine/scheduler.js";
import type { Trace } from "../engine/trace.js";
import type { Faults } from "../faults/faults.js";

/** What a gateway calls, as the services that run in one process offer it. */
export type ServiceClients = Pick<NodeDeps, "accounts" | "conversations" | "messages">;

/** A process with services, as those who call it see it. */
export type CallTarget = Readonly<{
  node: SimNode;
  services: ServiceClients;
  /** Calls under way, which fail if the process dies and its host says so. */
  calls: Set<CallUnderWay>;
  /** Kills it. */
  crash(): void;
}>;

/** A call that waits for its answer. */
export type CallUnderWay = { fail(error: ConnectError): void };

export type RpcOptions = Readonly<{
  scheduler: Scheduler;
  caller: SimNode;
  faults: Faults;
  random: Random;
  trace: Trace;
  latencyMs(): number;
  /** Processes that are up. */
  targets(): readonly CallTarget[];
  /** True while no request and no answer gets through. */
  isCut(): boolean;
}>;

type Method = (request: unknown, options?: CallOptions) => Promise<unknown>;
type CallOptions = Readonly<{ timeoutMs?: number; signal?: AbortSignal }>;
type Service = Record<string, Method>;

/** Clients whose calls take time, get lost on either way, outlive their deadline, or find nobody. */
export function createRpcClients(options: RpcOptions): ServiceClients {
  const clientOf = (service: keyof ServiceClients) => {
    const methods = new Map<string, Method>();
    const methodOf = (name: string) => {
      const known =
        methods.get(name) ?? ((request, call = {}) => new Call(options, service, name, request, call).answer);
      methods.set(name, known);
      return known;
    };
    return new Proxy({}, { get: (_, name) => methodOf(String(name)) }) as never;
  };
  return { accounts: clientOf("accounts"), conversations: clientOf("conversations"), messages: clientOf("messages") };
}

class Call implements CallUnderWay {
  readonly answer: Promise<unknown>;
  readonly #options: RpcOptions;
  readonly #method: string;
  #target: CallTarget | undefined;
  #deadline: Planned | undefined;
  #signal: AbortSignal | undefined;
  #settle: { resolve(answer: unknown): void; reject(error: unknown): void } | undefined;

  constructor(options: RpcOptions, service: keyof ServiceClients, method: string, request: unknown, call: CallOptions) {
    this.#options = options;
    this.#method = method;
    this.answer = options.caller.isAlive ? this.#begin(call) : never();
    if (options.caller.isAlive)
      this.#send((target) => (target.services[service] as unknown as Service)[method], request);
  }

  fail(error: ConnectError): void {
    this.#arrive(() => this.#settle?.reject(error));
  }

  #begin({ timeoutMs, signal }: CallOptions): Promise<unknown> {
    const { scheduler } = this.#options;
    if (timeoutMs !== undefined) {
      const expire = () =>
        this.#finish(() => this.#settle?.reject(new ConnectError("too late", Code.DeadlineExceeded)));
      this.#deadline = scheduler.after(timeoutMs, expire);
    }
    this.#signal = signal;
    signal?.addEventListener("abort", this.#cancel);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  #send(methodOf: (target: CallTarget) => Method | undefined, request: unknown): void {
    const { faults, random, scheduler } = this.#options;
    const targets = this.#options.targets();
    if (targets.length === 0) return this.fail(new ConnectError("connection refused", Code.Unavailable));
    const target = random.pick(targets);
    this.#target = target;
    target.calls.add(this);
    if (this.#options.isCut() || faults.strikes("request-lost")) return;
    scheduler.after(this.#delayMs(), () => target.node.run(() => this.#execute(target, methodOf(target), request)));
  }

  #execute(target: CallTarget, method: Method | undefined, request: unknown): void {
    if (method === undefined) throw new Error("the simulator's services lack a method");
    const { faults, random, scheduler } = this.#options;
    this.#note("begins", target);
    void method(request).then(
      (answer) => this.#answer(target, "ok", () => this.#settle?.resolve(answer)),
      (error: unknown) => this.#answer(target, "failed", () => this.#settle?.reject(error)),
    );
    if (faults.strikes("service-crash-in-call")) {
      scheduler.after(random.between(0, 20), () => target.crash());
    }
  }

  #answer(target: CallTarget, outcome: string, settle: () => void): void {
    if (!target.node.isAlive) return;
    this.#note(outcome, target);
    const { isCut, faults } = this.#options;
    if (!isCut() && !faults.strikes("answer-lost")) this.#arrive(settle);
  }

  #note(what: string, { node }: CallTarget): void {
    this.#options.trace.note(this.#method, this.#options.caller.name, 0, () => `${what} at ${node.name}`);
  }

  /** It reaches the caller, a while later. */
  #arrive(settle: () => void): void {
    this.#options.scheduler.after(this.#delayMs(), () => this.#finish(settle));
  }

  #finish(settle: () => void): void {
    this.#options.caller.run(() => {
      settle();
      this.#forget();
    });
  }

  #forget(): void {
    this.#settle = undefined;
    this.#deadline?.cancel();
    this.#signal?.removeEventListener("abort", this.#cancel);
    this.#target?.calls.delete(this);
  }

  readonly #cancel = () => {
    this.#settle?.reject(new ConnectError("cancelled", Code.Canceled));
    this.#forget();
  };

  #delayMs(): number {
    const { faults, latencyMs } = this.#options;
    return latencyMs() + (faults.strikes("call-slow") ? faults.randomOf("call-slow").between(50, 5_000) : 0);
  }
}
