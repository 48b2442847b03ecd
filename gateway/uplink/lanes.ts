import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import {
  type MessageService,
  type Outcome,
  SenderSchema,
  SubmissionSchema,
  type SubmitBatchRequest,
  SubmitBatchRequestSchema,
} from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../../runtime/clock.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { createLane, type Lane, type LaneOptions } from "./lane.js";

/** One `up_msg` on its way to the store. */
export type UplinkEntry = Readonly<{ source: UplinkSource; clientId: bigint; upMsg: Uint8Array }>;

/** The session it came from. Outcomes go back to it, even if its socket has closed meanwhile. */
export interface UplinkSource {
  readonly userId: bigint;
  readonly device: number;
  readonly epoch: bigint;
  settled(outcomes: readonly { clientId: bigint; outcome: Outcome }[]): void;
  gaveUp(): void;
}

/** All lanes of a gateway. A device always uses the same one, so its messages stay in order. */
export interface Lanes extends AsyncDisposable {
  isFull(source: UplinkSource, bytes: number): boolean;
  submit(entry: UplinkEntry): void;
  /** What waits in all lanes, in bytes. */
  readonly queuedBytes: number;
  /** Resolves once no message is under way, or rejects with the signal's reason. */
  drained(signal: AbortSignal): Promise<void>;
}

export type LanesOptions = Readonly<{
  count: number;
  lane: LaneOptions;
  /** Deadline of one SubmitBatch call, in milliseconds. */
  callTimeoutMs: number;
  messages: Client<typeof MessageService>;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}>;

export function createLanes(options: LanesOptions): Lanes {
  const lanes = Array.from({ length: options.count }, () => createRunningLane(options));
  const laneOf = ({ userId, device }: UplinkSource) => {
    const lane = lanes[Number((userId ^ (userId >> 22n) ^ BigInt(device)) % BigInt(lanes.length))];
    if (!lane) throw new Error("there is no lane");
    return lane;
  };
  return {
    isFull: (source, bytes) => laneOf(source).isFull(bytes),
    submit: (entry) => laneOf(entry.source).submit(entry),
    get queuedBytes() {
      return lanes.reduce((sum, lane) => sum + lane.queuedBytes(), 0);
    },
    async drained(signal) {
      await Promise.all(lanes.map((lane) => lane.drained(signal)));
    },
    async [Symbol.asyncDispose]() {
      for (const lane of lanes) lane.stop();
    },
  };
}

function createRunningLane(options: LanesOptions) {
  const lane: Lane<UplinkEntry> = createLane(options.lane);
  const stopped = new AbortController();
  const whenIdle: (() => void)[] = [];
  let turn: Disposable | undefined;
  let repeat: Disposable | undefined;

  /** What arrives within one turn of the event loop leaves together. */
  function schedule() {
    turn ??= options.clock.nextTurn(() => {
      turn = undefined;
      sendNext();
    });
  }

  function sendNext() {
    const batch = stopped.signal.aborted ? undefined : lane.take();
    if (batch) {
      options.metrics.laneBatchMessages.observe(batch.length);
      void send(batch, toRequest(batch));
    } else if (lane.isIdle) for (const resolve of whenIdle.splice(0)) resolve();
  }

  async function send(batch: UplinkEntry[], request: SubmitBatchRequest) {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await submitBatch(request);
    } catch (error) {
      if (!stopped.signal.aborted) repeatOrGiveUp(request, error);
      return;
    }
    lane.settled();
    returnOutcomes(batch, outcomes);
    sendNext();
  }

  async function submitBatch(request: SubmitBatchRequest): Promise<readonly Outcome[]> {
    const call = { timeoutMs: options.callTimeoutMs, signal: stopped.signal };
    const { outcomes } = await options.messages.submitBatch(request, call);
    const submitted = request.submissions.length;
    if (outcomes.length !== submitted) throw new Error(`${submitted} submissions have ${outcomes.length} outcomes`);
    return outcomes;
  }

  function repeatOrGiveUp(request: SubmitBatchRequest, error: unknown) {
    const failure = lane.failed(options.clock.monotonicMs());
    if (failure.kind === "repeat") {
      options.metrics.laneRetries.inc();
      options.log.warn(
        { err: error, messages: failure.batch.length, delayMs: failure.delayMs },
        "a batch was not stored and is repeated",
      );
      repeat = options.clock.after(failure.delayMs, () => void send(failure.batch, request));
      return;
    }
    options.log.error({ err: error, messages: failure.dropped.length }, "a lane was given up; devices send again");
    for (const source of new Set(failure.dropped.map((entry) => entry.source))) source.gaveUp();
    sendNext();
  }

  return {
    isFull: (bytes: number) => lane.isFull(bytes),
    queuedBytes: () => lane.queuedBytes,
    submit(entry: UplinkEntry) {
      lane.offer(entry, entry.upMsg.length);
      schedule();
    },
    drained(signal: AbortSignal): Promise<void> {
      if (lane.isIdle) return Promise.resolve();
      if (signal.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        whenIdle.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
    stop() {
      stopped.abort();
      turn?.[Symbol.dispose]();
      repeat?.[Symbol.dispose]();
    },
  };
}

function toRequest(batch: readonly UplinkEntry[]): SubmitBatchRequest {
  const indexes = new Map<UplinkSource, number>();
  const request = create(SubmitBatchRequestSchema);
  for (const { source, clientId, upMsg } of batch) {
    let sender = indexes.get(source);
    if (sender === undefined) {
      sender = request.senders.length;
      indexes.set(source, sender);
      request.senders.push(create(SenderSchema, { userId: source.userId, device: source.device, epoch: source.epoch }));
    }
    request.submissions.push(create(SubmissionSchema, { sender, clientId, upMsg }));
  }
  return request;
}

/** One call for each session, with all its outcomes in order. */
function returnOutcomes(batch: readonly UplinkEntry[], outcomes: readonly Outcome[]) {
  const bySource = new Map<UplinkSource, { clientId: bigint; outcome: Outcome }[]>();
  batch.forEach(({ source, clientId }, index) => {
    const settled = bySource.get(source) ?? [];
    if (settled.length === 0) bySource.set(source, settled);
    const outcome = outcomes[index];
    if (outcome) settled.push({ clientId, outcome });
  });
  for (const [source, settled] of bySource) source.settled(settled);
}
