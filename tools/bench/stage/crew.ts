import { mapBounded } from "../generator/map-bounded.js";
import type { Handlers } from "./calls.js";
import { forkHelper, type Helper, type ProcessOptions } from "./processes.js";

type Argument<Served extends Handlers, Name extends keyof Served> = Parameters<Served[Name]>[0];
type Answers<Served extends Handlers, Name extends keyof Served> = Promise<Awaited<ReturnType<Served[Name]>>[]>;

/**
 * Several processes of one kind, where one would be the bottleneck, or would hold too many sockets. Answers come in the order of the
 * processes. Their disposal stops all.
 */
export interface Crew<Served extends Handlers> extends AsyncDisposable {
  readonly size: number;
  /** Calls all of them at once. */
  call<Name extends keyof Served & string>(name: Name, argument: Argument<Served, Name>): Answers<Served, Name>;
  /** Calls all of them at once, each with its share. */
  callEach<Name extends keyof Served & string>(
    name: Name,
    shares: readonly Argument<Served, Name>[],
  ): Answers<Served, Name>;
  /** One after the other, each with its share: a server lets only so many connections of one address log in at a time. */
  callInTurn<Name extends keyof Served & string>(
    name: Name,
    shares: readonly Argument<Served, Name>[],
  ): Answers<Served, Name>;
}

/** Forks `module`, a compiled file that serves calls, so many times. */
export function forkCrew<Served extends Handlers>(module: URL, size: number, options: ProcessOptions): Crew<Served> {
  const helpers = Array.from({ length: size }, () => forkHelper<Served>(module, options));
  function helperAt(index: number): Helper<Served> {
    const helper = helpers[index];
    if (!helper) throw new Error(`there are more shares than the ${size} processes`);
    return helper;
  }
  return {
    size,
    call: (name, argument) => Promise.all(helpers.map((helper) => helper.call(name, argument))),
    callEach: (name, shares) => Promise.all(shares.map((share, index) => helperAt(index).call(name, share))),
    callInTurn: (name, shares) =>
      mapBounded([...shares.entries()], 1, ([index, share]) => helperAt(index).call(name, share)),
    async [Symbol.asyncDispose]() {
      await Promise.all(helpers.map((helper) => helper[Symbol.asyncDispose]()));
    },
  };
}

/** Deals out items to so many, as evenly as can be. */
export function dealOut<Item>(items: readonly Item[], shares: number): Item[][] {
  return Array.from({ length: shares }, (_, share) => items.filter((_, index) => index % shares === share));
}
