import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatNumber, formatQuantity } from "../../tools/bench/figures/format.js";
import { figuresOf } from "../../tools/bench/figures/round-figures.js";
import { unitOf } from "../../tools/bench/figures/unit.js";
import { toDistributionPanels } from "../../tools/bench/page/distribution-panels.js";
import { html, toScriptJson } from "../../tools/bench/page/html.js";
import { toPage } from "../../tools/bench/page/page.js";
import { toRoundPanel } from "../../tools/bench/page/round-panels.js";
import { toTopics } from "../../tools/bench/page/round-topics.js";
import { toSeriesPanels } from "../../tools/bench/page/series-panels.js";
import { resultOf } from "../support/bench-result.js";

describe("the figures of rounds", () => {
  it("have the path to them as their name, and miss where a round lacks them", () => {
    const rounds = [
      { total_ms: 1, on: { acks: 2 }, kinds: ["a"] },
      { total_ms: null, on: { acks: 3 }, word: "b" },
    ];
    assert.deepEqual(
      figuresOf(rounds).map(({ name, values }) => [name, values]),
      [
        ["total_ms", [1, undefined]],
        ["on.acks", [2, 3]],
      ],
    );
  });

  const units: Record<string, string> = {
    "on.server_cpu_per_delivery_ns": "ns",
    total_ms: "ms",
    "deliver_ms.p99": "ms",
    "without.deliver.p999": "ms",
    "without.deliver.max": "ms",
    "ratio.max": "ratio",
    bytes_per_connection: "bytes",
    trickle_bytes_per_second: "bytes/s",
    messages_per_second: "/s",
    generator_busy_share: "share",
    acks: "",
    seconds: "s",
  };
  for (const [name, unit] of Object.entries(units))
    it(`of the name ${name} are in ${unit || "plain numbers"}`, () => {
      assert.equal(unitOf(name.split(".")), unit);
    });

  it("are shown with as many digits as count", () => {
    assert.deepEqual([0, 1_075, 250_000, 12.345678, 1_234.5, 0.00123456].map(formatNumber), [
      "0",
      "1,075",
      "250,000",
      "12.35",
      "1,235",
      "0.001235",
    ]);
    const quantities = [
      [0.5, "share"],
      [3 * 2 ** 20, "bytes"],
      [1_000, "bytes"],
      [2.5, "ms"],
      [1.2, "ratio"],
    ] as const;
    assert.deepEqual(
      quantities.map(([value, unit]) => formatQuantity(value, unit)),
      ["50 %", "3 MiB", "1,000 bytes", "2.5 ms", "1.2"],
    );
  });
});

describe("the plots of rounds", () => {
  const topicsOf = (round: object) =>
    toTopics(figuresOf([round])).map(({ name, unit, aspects }) => [
      name,
      unit,
      aspects.map(({ label, kind }) => (kind === "" ? label : `${label}/${kind}`)).join(" "),
    ]);

  it("set figures of one unit and one topic side by side", () => {
    const round = {
      total_ms: 1,
      ratio: 1,
      deliver_p50_ms: 1,
      deliver_p999_ms: 1,
      raw_ms: 1,
      server_cpu_ms: 1,
      db_cpu_ms: 1,
    };
    assert.deepEqual(topicsOf(round), [
      ["", "ms", "total raw"],
      ["", "ratio", "ratio"],
      ["deliver", "ms", "p50 p99.9"],
      ["processor time", "ms", "server db"],
    ]);
  });

  it("set numbers of different things apart, and kinds of rounds side by side", () => {
    const kind = { deliver: { p50: 1, p99: 2 }, acks: 5, deliveries: 6 };
    assert.deepEqual(topicsOf({ on: kind, off: kind, ratio: 1 }), [
      ["deliver", "ms", "p50/on p99/on p50/off p99/off"],
      ["", "", "acks/on acks/off"],
      ["", "", "deliveries/on deliveries/off"],
      ["", "ratio", "ratio"],
    ]);
  });

  it("do not take two things for two kinds because both have quantiles", () => {
    const quantiles = { p50: 1, p99: 2 };
    assert.deepEqual(topicsOf({ deliver: quantiles, ack: quantiles }), [
      ["deliver", "ms", "p50 p99"],
      ["ack", "ms", "p50 p99"],
    ]);
  });

  it("have a table with each round and the median", () => {
    const [topic] = toTopics(figuresOf([{ heap_bytes: 2_048 }, { heap_bytes: 1_024 }, {}, { heap_bytes: 3_072 }]));
    assert.ok(topic);
    const { plot, tables, title } = toRoundPanel(topic);
    assert.equal(title, "Heap");
    assert.deepEqual(plot.lines[0]?.values, [2, 1, null, 3]);
    const [table] = tables;
    assert.deepEqual(table?.titles, ["round", "heap (KiB)"]);
    assert.deepEqual(table?.rows, [
      ["1", "2"],
      ["2", "1"],
      ["3", "–"],
      ["4", "3"],
    ]);
    assert.deepEqual(table?.foot, ["median", "2"]);
  });

  it("have a logarithmic axis if one figure dwarfs another", () => {
    const scaleOf = (rounds: object[]) => toTopics(figuresOf(rounds)).map((topic) => toRoundPanel(topic).plot.y.scale);
    assert.deepEqual(scaleOf([{ total_ms: 1_000, raw_ms: 1 }]), ["log"]);
    assert.deepEqual(scaleOf([{ total_ms: 40, raw_ms: 1 }]), ["linear"]);
    assert.deepEqual(scaleOf([{ total_ms: 1_000, raw_ms: 0 }]), ["linear"]);
  });
});

describe("the plots of distributions", () => {
  const bars = [
    { upto: 2, count: 90 },
    { upto: 4, count: 0 },
    { upto: 8, count: 10 },
  ];

  it("show the share in each bar and the share above it", () => {
    const [often, tail] = toDistributionPanels([{ name: "deliver", unit: "ms", bars }]);
    assert.deepEqual(often?.plot.x.values, [1, 2, 4, 8]);
    assert.deepEqual(often?.plot.lines[0]?.values, [90, 0, 10, 0]);
    assert.deepEqual(tail?.plot.lines[0]?.values, [100, 10, 10, null]);
    assert.deepEqual(often?.tables[0]?.rows, [
      ["2", "90", "90", "10"],
      ["8", "10", "10", "0"],
    ]);
  });

  it("show those of one unit together, each with its own bars", () => {
    const ack = {
      name: "ack",
      unit: "ms",
      bars: [
        { upto: 4, count: 1 },
        { upto: 16, count: 1 },
      ],
    };
    const panels = toDistributionPanels([
      { name: "deliver", unit: "ms", bars },
      ack,
      { name: "size", unit: "bytes", bars },
    ]);
    assert.deepEqual(
      panels.map(({ title }) => title),
      ["Deliver, ack: how often", "Deliver, ack: the tail", "Size: how often", "Size: the tail"],
    );
    assert.deepEqual(panels[0]?.plot.x.values, [1, 2, 4, 8, 16]);
    assert.deepEqual(panels[0]?.plot.lines[1]?.values, [50, 50, 50, 50, 0]);
  });

  it("leave out what was never observed", () => {
    assert.deepEqual(toDistributionPanels([{ name: "deliver", unit: "ms", bars: [] }]), []);
  });
});

describe("the plots of series", () => {
  it("share their time and their unit", () => {
    const [panel] = toSeriesPanels([
      {
        name: "server",
        unit: "bytes",
        points: [
          [0, 2 ** 20],
          [1, 2 ** 21],
        ],
      },
      { name: "generator", unit: "bytes", points: [[0.5, 2 ** 10]] },
      { name: "nothing", unit: "bytes", points: [] },
    ]);
    assert.deepEqual([panel?.plot.y.label, panel?.plot.x.values], ["MiB", [0, 0.5, 1]]);
    assert.deepEqual(
      panel?.plot.lines.map(({ values }) => values),
      [
        [1, null, 2],
        [null, 2 ** -10, null],
      ],
    );
  });

  it("have tables that people can still read", () => {
    const points = Array.from({ length: 1_000 }, (_, index) => [index, index] as const);
    const [panel] = toSeriesPanels([{ name: "rate", unit: "/s", points }]);
    assert.equal(panel?.tables[0]?.caption, "Rate as a table, one of 4 points");
    assert.equal(panel?.tables[0]?.rows.length, 250);
  });
});

describe("markup", () => {
  it("is escaped unless it comes from a template", () => {
    assert.equal(
      html`<p title="${`"'`}">${"<b>&"}${html`<i>${1}</i>`}${[html`a`, "<"]}${false}</p>`.toString(),
      '<p title="&quot;&#39;">&lt;b&gt;&amp;<i>1</i>a&lt;</p>',
    );
  });

  it("cannot be ended by data for scripts", () => {
    const text = toScriptJson({ label: "</script><!--" }).toString();
    assert.ok(!text.includes("<"));
    assert.deepEqual(JSON.parse(text), { label: "</script><!--" });
  });
});

describe("the page of a result", () => {
  it("holds nothing of a result as markup", () => {
    const evil = "<img src=x onerror=alert(1)>";
    const page = toPage(
      resultOf({
        scenario: evil,
        settings: { [evil]: evil, raised_limits: { [evil]: 1 } },
        rounds: [{ [`${evil}_ms`]: 1, [evil]: { [evil]: 2 } }],
        histograms: [{ name: evil, unit: evil, bars: [{ upto: 1, count: 1 }] }],
        series: [{ name: evil, unit: evil, points: [[0, 1]] }],
        verified: { [evil]: evil },
      }),
    );
    assert.ok(!page.toLowerCase().includes("<img"));
    assert.match(page, /&lt;img src=x/);
  });

  it("shows what a scenario has of its own, but medians of figures once only", () => {
    const own = { median: { total_ms: 7, spread: 41 }, baseline: { name: "raw publish" }, elapsed_ms: 4_321 };
    const page = toPage({ ...resultOf(), ...own });
    for (const part of ["<dd>raw publish</dd>", "<dd>4,321 ms</dd>", "<dd>41</dd>"])
      assert.ok(page.includes(part), part);
    assert.ok(!page.includes("<dd>7 ms</dd>"));
  });

  it("warns if others were at work on the machine", () => {
    const { machine } = resultOf();
    assert.ok(!toPage(resultOf()).includes("Others were at work"));
    assert.ok(toPage(resultOf({ machine: { ...machine, load_before: 1.5 } })).includes("Others were at work"));
  });
});
