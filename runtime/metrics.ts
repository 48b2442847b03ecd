import { monitorEventLoopDelay } from "node:perf_hooks";
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** From a tenth of a millisecond to ten seconds. */
const secondsBuckets = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric of Tidewire, in a registry of its own, so that several servers fit into one process. No label may take a
 * value that a user chooses: each value is a series that lives for ever.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter<Label>({ name: `tidewire_${name}`, help, labelNames, registers });
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name: `tidewire_${name}`, help, labelNames, registers });
  /** A gauge that is read when somebody asks, and costs nothing until then. */
  const reading = (name: string, help: string) => {
    let read = () => 0;
    new Gauge({
      name: `tidewire_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
    return {
      follow(value: () => number) {
        read = value;
      },
    };
  };
  const histogram = <Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new Histogram<Label>({ name: `tidewire_${name}`, help, buckets, labelNames, registers });

  return {
    registry,

    connections: gauge("connections", "Open WebSockets"),
    sessions: gauge("sessions", "Sessions that are logged in"),
    logins: counter("logins_total", "Login frames by outcome: ok, or an error code", ["outcome"]),
    closes: counter("closes_total", "Connections closed, by close code", ["code"]),
    upgradesRefused: counter("upgrades_refused_total", "WebSocket upgrades refused, by reason", ["reason"]),

    framesReceived: counter("frames_received_total", "Frames from devices, by kind", ["kind"]),
    framesSent: counter("frames_sent_total", "Frames to single devices, by kind; pushes count in pushes", ["kind"]),
    acksByPush: counter("acks_by_push_total", "Outcomes that the sender's own push told, so that no up_ack was sent"),
    nacks: counter("nacks_total", "up_nack frames, by reason", ["reason"]),

    lanesQueuedBytes: reading("lanes_queued_bytes", "Bytes that wait in the lanes of this process"),
    laneBatchMessages: histogram("lane_batch_messages", "Messages in a batch as a lane submits it", batchBuckets),
    laneRetries: counter("lane_retries_total", "Batches that a lane has repeated"),

    messages: counter("messages_total", "Submissions by outcome: stored, duplicate, refused, rejected", ["outcome"]),
    appendBatchMessages: histogram("append_batch_messages", "Messages in an append transaction", batchBuckets),
    appendSeconds: histogram("append_seconds", "Duration of an append transaction", secondsBuckets),
    appendFailures: counter("append_failures_total", "Append transactions that failed, by what follows", ["next"]),

    deliveriesPublished: counter("deliveries_published_total", "Log entries published to gateways, once for each"),
    publishSeconds: histogram("publish_seconds", "Duration of publishing a committed batch", secondsBuckets),
    publishFailures: counter("publish_failures_total", "Committed batches of which publishing failed or took too long"),
    sweeps: counter("sweeps_total", "Sweeps for what was committed lately"),
    sweptEntries: counter("swept_entries_total", "Log entries that a sweep published once more"),
    deliveredMarksWritten: counter(
      "delivered_marks_written_total",
      "Delivered marks brought from the fabric to the store",
    ),
    pushes: counter("pushes_total", "Push frames published to local topics, once for each topic"),
    retransmissions: counter("retransmissions_total", "Devices sent again what they lack, by frames or by heads", [
      "by",
    ]),
    pagesPacked: counter(
      "pages_packed_total",
      "Sync pages for devices that unpack, by outcome: packed, or why not: small, large, busy, no-smaller",
      ["outcome"],
    ),
    packedBytes: counter("packed_bytes_total", "Bytes of the pages that were packed: before, after", ["when"]),
    holes: counter("holes_total", "Holes in delivered conversations, by outcome: fetched, given-up, withheld", [
      "outcome",
    ]),
    streamGaps: counter("stream_gaps_total", "Gaps in the delivery stream, after which heads are read again"),
    ackSeconds: histogram("ack_seconds", "From a push to the first ack that covers it", secondsBuckets),
    activeConversations: reading("active_conversations", "Conversations in which something has happened lately"),
    ringBytes: reading("ring_bytes", "Bytes of recent frames that are kept for retransmission"),
    timers: reading("timers", "Timers that are set"),
    pushesDropped: counter("pushes_dropped_total", "WebSocket messages dropped because a device reads too slowly"),

    placedCalls: counter("placed_calls_total", "Calls about messages, by where they were done: here, or by a thread", [
      "place",
    ]),
    rpcSeconds: histogram("rpc_seconds", "Duration of RPCs, by method and code", secondsBuckets, ["method", "code"]),
  };
}

/**
 * The metrics as Prometheus reads them.
 * @param others what other threads of this process have counted, each a registry as JSON; it is added up.
 */
export async function renderMetrics({ registry }: Metrics, others: readonly object[][] = []): Promise<string> {
  if (others.length === 0) return registry.metrics();
  return AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), ...others]).metrics();
}

/**
 * Adds what concerns the process and not one server in it: memory, CPU, garbage collection, file descriptors, delay of the
 * event loop. To be called once a process, by whoever owns it; the observers live until it ends.
 */
export function observeProcess(metrics: Metrics): void {
  const registers = [metrics.registry];
  collectDefaultMetrics({ register: metrics.registry });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: "tidewire_event_loop_delay_p99_seconds",
    help: "99th percentile of the event loop's delay since the last scrape",
    registers,
    collect() {
      this.set(delay.percentile(99) / 1e9);
      delay.reset();
    },
  });
}
