const unitsByEnding: Readonly<Record<string, string>> = {
  ns: "ns",
  us: "µs",
  ms: "ms",
  s: "s",
  seconds: "s",
  bytes: "bytes",
  share: "share",
  ratio: "ratio",
};

/**
 * The unit of a figure, as its name tells it: `on.server_cpu_ms`, `bytes_per_connection`. Parents count if the name itself says nothing;
 * quantiles without any are times in milliseconds (see BenchResult). "" for plain numbers.
 */
export function unitOf(path: readonly string[]): string {
  for (const name of [...path].reverse()) {
    const unit = unitOfName(name);
    if (unit !== undefined) return unit;
  }
  return /^(p\d+|max)$/.test(path.at(-1) ?? "") ? "ms" : "";
}

function unitOfName(name: string): string | undefined {
  if (name.endsWith("_per_second")) return /(^|_)bytes_per_second$/.test(name) ? "bytes/s" : "/s";
  const whole = name.split("_").at(-1) ?? "";
  const counted = name.split("_per_")[0]?.split("_").at(-1) ?? "";
  const ending = [whole, counted].find((word) => Object.hasOwn(unitsByEnding, word));
  return ending === undefined ? undefined : unitsByEnding[ending];
}
