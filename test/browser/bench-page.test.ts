import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { toPage } from "../../tools/bench/page/page.js";
import { resultOf } from "../support/bench-result.js";
import { launchChromium } from "../support/chromium.js";

const kind = (cpuMs: number) => ({ server_cpu_ms: cpuMs, deliver: { p50: cpuMs / 10, p99: cpuMs }, acks: 1_075 });
const result = resultOf({
  scenario: "a <b>bold</b> one",
  rounds: [
    { off: kind(10), on: kind(20), generator_busy_share: 0.25 },
    { off: kind(30), on: kind(60), generator_busy_share: 0.5 },
    { off: kind(20), on: kind(40), generator_busy_share: 0.75 },
  ],
  histograms: [
    {
      name: "deliver",
      unit: "ms",
      bars: [
        { upto: 2, count: 99 },
        { upto: 2.2449, count: 1 },
      ],
    },
  ],
  series: [
    {
      name: "memory",
      unit: "bytes",
      points: [
        [0, 2 ** 20],
        [1, 2 ** 21],
      ],
    },
  ],
  verified: { sent: 1_500, lost: 0 },
});

describe("the page of a benchmark, in a browser", () => {
  let browser: Browser;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidewire-page-"));
    await writeFile(join(folder, "page.html"), toPage(result));
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The page, and everything that it complained of or asked for. */
  async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; events: string[] }> {
    const page = await (await browser.newContext(options)).newPage();
    const url = pathToFileURL(join(folder, "page.html")).href;
    const events: string[] = [];
    page.on("console", (message) => events.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => events.push(`error: ${error.message}`));
    page.on("request", (request) => {
      if (request.url() !== url) events.push(`request: ${request.url()}`);
    });
    await page.goto(url, { waitUntil: "networkidle" });
    return { page, events };
  }

  it("draws all plots, complains of nothing, and asks for nothing", async () => {
    const { page, events } = await open();
    assert.equal(await page.locator(".plot").count(), 7);
    assert.equal(await page.locator(".plot").evaluateAll(countDrawn), 7);
    assert.deepEqual(events, []);
  });

  it("has the figures in tables", async () => {
    const { page } = await open();
    assert.deepEqual(await tableOf(page.locator(".panel", { hasText: "Server cpu" })), [
      ["round", "off (ms)", "on (ms)"],
      ["1", "10", "20"],
      ["2", "30", "60"],
      ["3", "20", "40"],
      ["median", "20", "40"],
    ]);
    assert.deepEqual(await tableOf(page.locator(".panel", { hasText: "how often" })), [
      ["up to ms", "count", "%", "% above"],
      ["2", "99", "99", "1"],
      ["2.245", "1", "1", "0"],
    ]);
    assert.deepEqual(await tableOf(page.locator(".panel", { hasText: "Memory" })), [
      ["s", "MiB"],
      ["0", "1"],
      ["1", "2"],
    ]);
  });

  it("shows names as they are, and what was verified", async () => {
    const { page } = await open();
    assert.equal(await page.locator("h1").innerText(), "a <b>bold</b> one");
    assert.match(await page.locator(".facts", { hasText: "Verified" }).innerText(), /sent\s+1,500\s+lost\s+0/);
  });

  for (const colorScheme of ["light", "dark"] as const)
    it(`fits a phone, ${colorScheme}`, async () => {
      const { page, events } = await open({ viewport: { width: 360, height: 740 }, colorScheme });
      const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
      assert.deepEqual(widths, [360, 360]);
      assert.deepEqual(events, []);
    });

  it("follows the screen from light to dark, and from wide to narrow", async () => {
    const { page, events } = await open({ viewport: { width: 1_200, height: 800 }, colorScheme: "light" });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 400, height: 800 });
    await page.waitForFunction("document.querySelector('.plot canvas').clientWidth < 400");
    assert.equal(await page.locator(".plot").evaluateAll(countDrawn), 7);
    assert.deepEqual(events, []);
  });

  it("can be read without scripts", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    assert.equal(await page.locator(".plot:visible").count(), 0);
    const panel = page.locator(".panel", { hasText: "Memory" });
    await panel.locator("summary").click();
    assert.match(await panel.locator(".scroll").innerText(), /s\s+MiB\s+0\s+1\s+1\s+2/);
  });
});

/** In the page: plots on whose canvas there is anything but nothing. */
function countDrawn(plots: unknown[]): number {
  type Canvas = { width: number; height: number; getContext(kind: "2d"): Context };
  type Context = { getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray } };
  return plots.filter((plot) => {
    const canvas = (plot as { querySelector(selector: string): Canvas | null }).querySelector("canvas");
    if (!canvas) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((byte) => byte !== 0);
  }).length;
}

async function tableOf(panel: ReturnType<Page["locator"]>): Promise<string[][]> {
  const rows = await panel.locator(".scroll tr").all();
  return Promise.all(rows.map((row) => row.locator("th, td").allTextContents()));
}
