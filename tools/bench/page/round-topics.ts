import type { Figure } from "../figures/round-figures.js";
import { toWords } from "./words.js";

/** A figure of the rounds, by what it is about. */
export type Aspect = Readonly<{
  figure: Figure;
  /** Which of several kinds of round it belongs to, such as `on` and `off`; "" if there is one kind only. */
  kind: string;
  /** In words: "deliver p99". */
  title: string;
  /** The same without its topic: "p99". */
  label: string;
}>;

/** Figures that belong in one plot: they share a unit and are about the same. */
export type Topic = Readonly<{ name: string; unit: string; aspects: readonly Aspect[] }>;

/** In the order in which rounds name their figures. */
export function toTopics(figures: readonly Figure[]): Topic[] {
  const kinds = kindsOf(figures);
  const topics = new Map<string, { name: string; unit: string; aspects: Aspect[] }>();
  for (const figure of figures) {
    const { topic: name, ...aspect } = describe(figure, kinds);
    const isApart = figure.unit === "" && name === ""; // numbers of different things
    const key = JSON.stringify([figure.unit, name, isApart ? aspect.label : ""]);
    const topic = topics.get(key) ?? { name, unit: figure.unit, aspects: [] };
    topics.set(key, topic);
    topic.aspects.push({ figure, ...aspect });
  }
  return [...topics.values()];
}

/** Names at the top of a round beneath which there is the same: the round was played in several kinds. */
function kindsOf(figures: readonly Figure[]): ReadonlySet<string> {
  const owners = new Map<string, Set<string>>();
  for (const { path } of figures) {
    const [head = "", ...rest] = path;
    const isQuantile = rest.length === 1 && /^(p\d+|max)$/.test(rest[0] ?? ""); // many things have those
    if (rest.length === 0 || isQuantile) continue;
    const name = rest.join(".");
    owners.set(name, (owners.get(name) ?? new Set()).add(head));
  }
  return new Set([...owners.values()].filter(({ size }) => size > 1).flatMap((heads) => [...heads]));
}

function describe({ path }: Figure, kinds: ReadonlySet<string>): Omit<Aspect, "figure"> & { topic: string } {
  const [head = ""] = path;
  const kind = kinds.has(head) ? head : "";
  const names = kind === "" ? path : path.slice(1);
  const title = names.map(toWords).join(" ");
  const label = toWords(names.at(-1) ?? "");
  const parents = names.slice(0, -1).map(toWords).join(" ");
  if (parents !== "") return { kind, title, topic: parents, label };
  const [, topic = "", quantile = ""] = /^(.+) (p[\d.]+|max)$/.exec(label) ?? [];
  if (topic !== "") return { kind, title, topic, label: quantile };
  const [, user = ""] = /^(.+) cpu$/.exec(label) ?? [];
  return user === "" ? { kind, title, topic: "", label } : { kind, title, topic: "processor time", label: user };
}
