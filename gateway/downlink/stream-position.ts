import type { StreamEntry } from "../../runtime/fabric/fabric.js";

/** Where a gateway stands in its delivery stream. */
export interface StreamPosition {
  /** `gap`: entries before this one were lost, or the stream is a new one, and nobody knows whom they were for. */
  follow(entry: Pick<StreamEntry, "stream" | "number">): "next" | "gap";
}

/** Begins with the first entry that comes. */
export function createStreamPosition(): StreamPosition {
  let last: { stream: string; number: bigint } | undefined;
  return {
    follow({ stream, number }) {
      const isNext = !last || (last.stream === stream && last.number + 1n === number);
      last = { stream, number };
      return isNext ? "next" : "gap";
    },
  };
}
