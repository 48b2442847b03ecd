/* Draws the plots of a page: each from the JSON in its element. Runs in the browser, after uPlot. */
(() => {
  const strokes = [[], [6, 4], [2, 3]];
  const borders = ["solid", "dashed", "dotted"];
  const heightPx = 240;
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const fractional = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  /** As formatNumber in figures/format.ts. */
  const format = (value) => (Math.abs(value) >= 1000 ? whole : fractional).format(value);

  const plots = [...document.querySelectorAll(".plot")].map((element) => ({
    element,
    plot: JSON.parse(element.querySelector("script").textContent),
    drawn: undefined,
  }));

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  const tickSteps = [
    { upto: 0.9, steps: [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] },
    { upto: 2.5, steps: [1, 2, 5] },
    { upto: Number.POSITIVE_INFINITY, steps: [1] },
  ];

  /** 1, 2, 5 of each power of ten; more of them where the range is short, fewer where it is long. */
  function logTicks(min, max) {
    const decades = Math.log10(max / min);
    const steps = tickSteps.find(({ upto }) => decades <= upto).steps;
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++)
      for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(3)));
    return ticks.filter((tick) => tick >= min && tick <= max);
  }

  function axis({ label, scale }, side) {
    const shared = {
      label,
      labelSize: 18,
      labelFont: "12px system-ui, sans-serif",
      font: "12px system-ui, sans-serif",
      stroke: color("--ink-soft"),
      grid: { stroke: color("--line"), width: 1 },
      ticks: { show: false },
      values: (_, values) => values.map((value) => (value === null ? "" : format(value))),
    };
    const log =
      scale === "log" ? { splits: (_, __, min, max) => logTicks(min, max), filter: (_, splits) => splits } : {};
    return side === "x"
      ? { ...shared, ...log, space: 44, size: 30, labelSize: 16 }
      : { ...shared, ...log, size: widthOf, gap: 6 };
  }

  /** As wide as its longest label. */
  function widthOf(chart, values, index, cycle) {
    if (cycle > 1) return chart.axes[index]._size;
    const longest = (values ?? []).reduce((long, value) => (value.length > long.length ? value : long), "");
    chart.ctx.font = chart.axes[index].font[0];
    return 14 + chart.ctx.measureText(longest).width / devicePixelRatio;
  }

  function scaleX({ kind, x }) {
    const pad = kind === "rounds" ? 0.5 : 0;
    return { time: false, distr: x.scale === "log" ? 3 : 1, range: (_, min, max) => [min - pad, max + pad] };
  }

  function scaleY({ y }) {
    if (y.scale === "log") return { distr: 3 };
    return { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.08 : 1] };
  }

  function toSeries({ kind, x }, line) {
    const stroke = color(`--line-${line.color % 8}`);
    const steps = { paths: uPlot.paths.stepped({ align: 1 }), fill: `${stroke}30` };
    return {
      label: line.label,
      stroke,
      width: 2,
      dash: strokes[line.stroke % strokes.length],
      spanGaps: true,
      points: { show: kind === "rounds" && x.values.length <= 60, size: 6, fill: stroke },
      value: (_, value) => (value === null || value === undefined ? "" : format(value)),
      ...(kind === "distribution" ? steps : {}),
    };
  }

  function toOptions(plot, width) {
    const unit = plot.x.label;
    const xValue = (_, value) => {
      if (value === null || value === undefined) return "";
      return plot.kind === "rounds" ? format(value) : `${format(value)} ${unit}`;
    };
    return {
      width,
      height: heightPx,
      scales: { x: scaleX(plot), y: scaleY(plot) },
      axes: [axis(plot.x, "x"), axis(plot.y, "y")].map((one, index) =>
        index === 0 && plot.kind === "rounds" ? { ...one, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] } : one,
      ),
      series: [
        { label: plot.kind === "rounds" ? "round" : "at", value: xValue },
        ...plot.lines.map((line) => toSeries(plot, line)),
      ],
      cursor: { sync: { key: plot.kind, setSeries: false }, points: { size: 8 } },
      legend: { markers: { width: 2, dash: (_, index) => borders[(plot.lines[index - 1]?.stroke ?? 0) % 3] } },
      padding: [10, 12, 0, 0],
    };
  }

  function draw(one) {
    one.drawn?.destroy();
    const data = [one.plot.x.values, ...one.plot.lines.map(({ values }) => values)];
    one.drawn = new uPlot(toOptions(one.plot, one.element.clientWidth), data, one.element);
  }

  document.documentElement.classList.add("drawn");
  for (const one of plots) draw(one);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach(draw));
  new ResizeObserver(() => {
    for (const { drawn, element } of plots) drawn.setSize({ width: element.clientWidth, height: heightPx });
  }).observe(document.body);
})();
