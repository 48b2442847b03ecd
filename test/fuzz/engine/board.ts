/**
 * Memory that the fuzzing thread and the one that watches it share: the input at hand, which can be read even while the fuzzing
 * thread hangs, and a flag to stop it.
 */
export interface Board {
  readonly memory: SharedArrayBuffer;
  /** An input is about to be delivered. */
  note(input: number, bytes: Uint8Array): void;
  /** Something has been done: it does not hang. */
  beat(): void;
  /** Rises with every note and beat. */
  readonly beats: number;
  readonly input: number;
  /** What was delivered last, up to some 300 KiB of it. */
  readonly bytes: Uint8Array;
  stop(): void;
  readonly isStopped: boolean;
}

const slots = { beats: 0, input: 1, length: 2, stopped: 3, end: 4 };
/** Twice the largest WebSocket message, and some more. */
const bytesMax = 300 * 1024;

export function createBoard(memory = new SharedArrayBuffer(4 * slots.end + bytesMax)): Board {
  const numbers = new Int32Array(memory, 0, slots.end);
  const noted = new Uint8Array(memory, 4 * slots.end);
  const read = (slot: number) => Atomics.load(numbers, slot);
  return {
    memory,
    note(input, bytes) {
      Atomics.store(numbers, slots.input, input);
      Atomics.store(numbers, slots.length, Math.min(bytes.length, bytesMax));
      noted.set(bytes.subarray(0, bytesMax));
      Atomics.add(numbers, slots.beats, 1);
    },
    beat: () => void Atomics.add(numbers, slots.beats, 1),
    get beats() {
      return read(slots.beats);
    },
    get input() {
      return read(slots.input);
    },
    get bytes() {
      return noted.slice(0, read(slots.length));
    },
    stop: () => Atomics.store(numbers, slots.stopped, 1),
    get isStopped() {
      return read(slots.stopped) === 1;
    },
  };
}
