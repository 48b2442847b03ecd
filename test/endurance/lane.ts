import type { Clock } from "../../runtime/clock.js";

/** How a sender ends: in order, or by a reset. */
export type Ending = "fin" | "reset";

/** Where a lane leads. */
export interface Sink {
  /** Returns "full" if nothing more should be written until `Lane.drained` is called. */
  write(bytes: Uint8Array): "open" | "full";
  end(ending: Ending): void;
}

/** What holds for all that passes at the moment. */
export type Weather = { delayMs: number; jitterMs: number; sliceMaxBytes: number };

/** One direction of a connection: what goes in comes out in the same order, but not at the same time nor in the same pieces. */
export interface Lane {
  push(bytes: Uint8Array): void;
  /** After all that was pushed before. */
  end(ending: Ending): void;
  /** Nothing comes out, not even an end, until all holds are disposed of. */
  hold(): Disposable;
  /** Lets so many more bytes out, then resets. */
  cutAfter(bytes: number): void;
  drained(): void;
  /** Bytes that are inside. */
  readonly heldBytes: number;
  /** Drops what is inside; nothing comes out any more. */
  close(): void;
}

export type LaneOptions = Readonly<{
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  weather: Readonly<Weather>;
  sink: Sink;
}>;

type Item = { dueMs: number; bytes: Uint8Array } | { dueMs: number; ending: Ending };

/** Unbounded by itself: its owner stops pushing when `heldBytes` grows. */
export function createLane({ clock, random, weather, sink }: LaneOptions): Lane {
  let items: Item[] = [];
  let heldBytes = 0;
  let holds = 0;
  let leftBytes = Number.POSITIVE_INFINITY;
  let isFull = false;
  let isClosed = false;
  let wake: Disposable | undefined;

  /** Whoever is due earlier than one before it waits for that one. */
  const dueMs = () => clock.monotonicMs() + weather.delayMs + random() * weather.jitterMs;

  function wakeBy(arm: (run: () => void) => Disposable): void {
    wake = arm(() => {
      wake = undefined;
      pump();
    });
  }

  function pump(): void {
    while (wake === undefined && holds === 0 && !isFull) {
      const [item] = items;
      if (item === undefined) return;
      const waitMs = item.dueMs - clock.monotonicMs();
      if (waitMs > 0) return wakeBy((run) => clock.after(waitMs, run));
      if ("ending" in item) return finish(item.ending);
      emit(item);
      if (leftBytes <= 0) return finish("reset");
      // In a later turn, or the kernel would put the pieces together again.
      if (isSlicing()) wakeBy((run) => clock.nextTurn(run));
    }
  }

  function emit(item: { bytes: Uint8Array }): void {
    const piece = item.bytes.subarray(0, Math.min(pieceBytes(), leftBytes));
    item.bytes = item.bytes.subarray(piece.length);
    if (item.bytes.length === 0) items.shift();
    heldBytes -= piece.length;
    leftBytes -= piece.length;
    isFull = sink.write(piece) === "full";
  }

  const isSlicing = () => Number.isFinite(weather.sliceMaxBytes);

  function pieceBytes(): number {
    return isSlicing() ? 1 + Math.floor(random() * weather.sliceMaxBytes) : Number.POSITIVE_INFINITY;
  }

  function finish(ending: Ending): void {
    close();
    sink.end(ending);
  }

  function close(): void {
    isClosed = true;
    wake?.[Symbol.dispose]();
    wake = undefined;
    items = [];
    heldBytes = 0;
  }

  function add(item: Item): void {
    if (isClosed) return;
    items.push(item);
    if ("bytes" in item) heldBytes += item.bytes.length;
    pump();
  }

  return {
    push(bytes) {
      if (bytes.length > 0) add({ dueMs: dueMs(), bytes });
    },
    end: (ending) => add({ dueMs: dueMs(), ending }),
    hold() {
      let isHeld = true;
      holds += 1;
      return {
        [Symbol.dispose]() {
          if (!isHeld) return;
          isHeld = false;
          holds -= 1;
          pump();
        },
      };
    },
    cutAfter(bytes) {
      leftBytes = Math.min(leftBytes, bytes);
    },
    drained() {
      isFull = false;
      pump();
    },
    get heldBytes() {
      return heldBytes;
    },
    close,
  };
}
