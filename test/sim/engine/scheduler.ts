import { drainMicrotasks } from "./microtasks.js";

/** Virtual time, and all that is going to happen in it. Events at the same time run in the order in which they were planned. */
export interface Scheduler {
  /** Milliseconds since the run began. */
  readonly nowMs: number;
  /** Events run so far. */
  readonly ran: number;
  /** Calls `run` at `atMs`, or next if that has passed. */
  at(atMs: number, run: () => void): Planned;
  after(delayMs: number, run: () => void): Planned;
  /** Runs all that happens up to `untilMs`, with every promise settled between one event and the next. */
  runUntil(untilMs: number): void;
}

/** Something that is going to happen, unless it is cancelled before. */
export interface Planned extends Disposable {
  cancel(): void;
}

/** More at one time than any run needs: something plans without end. */
const plannedMax = 1_000_000;

export function createScheduler(): Scheduler {
  return new HeapScheduler();
}

class Event implements Planned {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }

  /** It stays in the heap until its time comes: most timers are cancelled, few live long. */
  cancel(): void {
    this.run = undefined;
  }

  [Symbol.dispose](): void {
    this.run = undefined;
  }
}

class HeapScheduler implements Scheduler {
  nowMs = 0;
  ran = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  at(atMs: number, run: () => void): Planned {
    const event = new Event(Math.max(atMs, this.nowMs), this.#order++, run);
    if (this.#heap.length >= plannedMax) throw new Error("too much is planned: something plans without end");
    push(this.#heap, event);
    return event;
  }

  after(delayMs: number, run: () => void): Planned {
    return this.at(this.nowMs + Math.max(0, delayMs), run);
  }

  runUntil(untilMs: number): void {
    drainMicrotasks();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      pop(this.#heap);
      const { run } = next;
      if (run === undefined) continue;
      next.run = undefined;
      this.nowMs = next.atMs;
      this.ran++;
      run();
      drainMicrotasks();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above] as Event;
    if (!isBefore(event, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event;
  if (heap.length === 0) return;
  let index = 0;
  for (;;) {
    let below = 2 * index + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1] as Event, heap[below] as Event)) below++;
    const child = heap[below] as Event;
    if (!isBefore(child, last)) break;
    heap[index] = child;
    index = below;
  }
  heap[index] = last;
}
