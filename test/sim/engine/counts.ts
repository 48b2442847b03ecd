import type { Metrics } from "../../../runtime/metrics.js";

/** How often something occurred, by name. */
export interface Counts {
  add(name: string, amount?: number): void;
  readonly entries: ReadonlyMap<string, number>;
}

export function createCounts(): Counts {
  const entries = new Map<string, number>();
  return {
    add: (name, amount = 1) => void entries.set(name, (entries.get(name) ?? 0) + amount),
    entries,
  };
}

type Labels = Readonly<Record<string, string>>;
type Recorder = {
  inc(labels?: Labels | number, amount?: number): void;
  observe(labels: Labels | number, value?: number): void;
  dec(): void;
  set(): void;
  follow(): void;
};

/**
 * Metrics that only count, each under its own name and label: `closes SLOW_CONSUMER`. Whatever counter the shipped code adds is
 * there by itself. A histogram counts its observations above 1, a gauge counts nothing.
 */
export function createRecordingMetrics(counts: Counts): Metrics {
  const recorders = new Map<string, Recorder>();
  const recorderOf = (metric: string) => {
    const known = recorders.get(metric) ?? createRecorder(metric, counts);
    recorders.set(metric, known);
    return known;
  };
  return new Proxy({}, { get: (_, metric) => recorderOf(String(metric)) }) as Metrics;
}

function createRecorder(metric: string, counts: Counts): Recorder {
  return {
    inc(labels, amount = 1) {
      if (typeof labels === "object") counts.add(`${metric} ${Object.values(labels).join(" ")}`, amount);
      else counts.add(metric, labels ?? 1);
    },
    observe(labels, value) {
      const observed = typeof labels === "object" ? value : labels;
      if (observed !== undefined && observed > 1) counts.add(`${metric} above 1`);
    },
    dec() {},
    set() {},
    follow() {},
  };
}
