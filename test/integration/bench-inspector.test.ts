import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { until } from "../../tools/bench/generator/until.js";
import { openInspector } from "../../tools/bench/stage/inspector.js";
import { freePort } from "../support/postgres.js";

const objects = 500_000;
const thread = `
  const { parentPort } = require("node:worker_threads");
  globalThis.held = Array.from({ length: ${objects} }, (_, index) => ({ index }));
  globalThis.registry = new FinalizationRegistry((word) => parentPort.postMessage(word));
  registry.register({}, "collected");
  setInterval(() => {}, 1_000);
  parentPort.postMessage("ready");`;
const program = `
  const { Worker } = require("node:worker_threads");
  new Worker(${JSON.stringify(thread)}, { eval: true }).on("message", (word) => process.stdout.write(word));`;

const patienceMs = 10_000;

describe("the inspector of a process", () => {
  it("collects the garbage of its threads, and counts what they hold", async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [`--inspect=127.0.0.1:${port}`, "-e", program], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (words: string) => {
      said += words;
    });
    try {
      assert.ok(await until(() => said.includes("ready"), patienceMs));
      using inspector = await openInspector(port);
      await inspector.collectGarbage();
      assert.ok(await until(() => said.includes("collected"), patienceMs));
      const { heapUsed } = await inspector.memoryUsage();
      assert.ok(heapUsed > objects * 16, `${heapUsed} bytes cannot be all that the thread holds`);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
