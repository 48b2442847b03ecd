import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { freePort, sharedPostgres } from "../support/postgres.js";
import { createTemporaryDirectory, runTidewire } from "../support/tidewire-process.js";

/** What is wrong before anything has been started. Each attempt says so, tells what to do, and ends with a code. */
describe("tidewire does not start", () => {
  let home: Awaited<ReturnType<typeof createTemporaryDirectory>>;
  before(async () => {
    home = await createTemporaryDirectory();
  });
  after(() => home[Symbol.asyncDispose]());

  async function assertEnds(argv: string[], env: Record<string, string>, code: number, ...says: RegExp[]) {
    const ended = await runTidewire(argv, { env, cwd: home.path });
    assert.equal(ended.code, code, ended.output);
    for (const pattern of says) assert.match(ended.output, pattern);
    assert.doesNotMatch(ended.output, /\n {4}at /, "an operator's mistake needs no stack");
    return ended.output;
  }

  it("with a configuration that is wrong, and reports every problem at once", async () => {
    await writeFile(join(home.path, "settings.json"), '{"prot": 1, "lanes": "many"}');
    const env = {
      TIDEWIRE_LOG_LEVEL: "loud",
      TIDEWIRE_DATADIR: "/tmp/elsewhere",
      TIDEWIRE_DATABASE_URL: "mysql://root:hunter2@db/chat",
    };
    const output = await assertEnds(
      ["up", "--config", "settings.json", "--port", "99999"],
      env,
      1,
      /the configuration has 6 problems/,
      /settings\.json: there is no option "prot"; did you mean port\?/,
      /settings\.json: lanes: must be a whole number/,
      /TIDEWIRE_LOG_LEVEL: must be one of .*"loud" is not/,
      /TIDEWIRE_DATADIR: there is no such option; did you mean TIDEWIRE_DATA_DIR\?/,
      /TIDEWIRE_DATABASE_URL: must be a URL, postgres:/,
      /port: must be a whole number from 0 to 65535; "99999" is not/,
    );
    assert.ok(!output.includes("hunter2"));
  });

  it("with a configuration file that is missing", async () => {
    await assertEnds(["up", "--config", "missing.json"], {}, 1, /missing\.json: cannot be read \(ENOENT\)/);
  });

  it("with a command, a flag or an argument that does not exist, and shows which do", async () => {
    await assertEnds(["upp"], {}, 2, /there is no command "upp"; did you mean up\?/, /tidewire <command> \[options\]/);
    await assertEnds(["up", "--prot", "1"], {}, 2, /--prot/, /tidewire up --help/);
    await assertEnds(["up", "now"], {}, 2, /now/, /tidewire up --help/);
  });

  it("with a data directory that cannot be one, and names it and the option", async () => {
    const file = join(home.path, "file");
    await writeFile(file, "in the way");
    for (const directory of [join(file, "data"), "/proc/tidewire"]) {
      const names = new RegExp(`cannot write to the data directory ${directory}.*--data or TIDEWIRE_DATA_DIR`);
      await assertEnds(["up", "--data", directory], {}, 1, names);
    }
    assert.equal(await readFile(file, "utf8"), "in the way");
  });

  it("with a token key that is broken, which it leaves alone", async () => {
    const key = join(home.path, "token-key.json");
    await writeFile(key, '{"kty": "OKP"');
    await assertEnds(["up", "--data", home.path], {}, 1, /token-key\.json.*restore it, or remove it/);
    assert.equal(await readFile(key, "utf8"), '{"kty": "OKP"');
  });

  it("with a database that is down, names where it looked, and keeps its password to itself", async () => {
    const port = await freePort();
    const env = { TIDEWIRE_DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${port}/chat` };
    const startedMs = performance.now();
    const says = new RegExp(`127\\.0\\.0\\.1:${port}/chat.*ECONNREFUSED.*is TIDEWIRE_DATABASE_URL right`);
    const output = await assertEnds(["up", "--data", join(home.path, "down")], env, 1, says);
    assert.ok(!output.includes("hunter2"));
    assert.ok(performance.now() - startedMs < 10_000, "it gives up within seconds");
  });

  it("with a database that accepts a connection and says nothing", async () => {
    await using silent = await listen();
    const env = { TIDEWIRE_DATABASE_URL: `postgres://127.0.0.1:${silent.port}/chat` };
    const says = /CONNECT_TIMEOUT.*is TIDEWIRE_DATABASE_URL right/;
    await assertEnds(["up", "--data", join(home.path, "silent")], env, 1, says);
  });

  it("with a port that is taken, and names it and the option", async () => {
    await using taken = await listen();
    const data = join(home.path, "busy");
    const env = { TIDEWIRE_DATABASE_URL: await (await sharedPostgres()).createDatabase() };
    const says = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken.port}.*another program.*--port or TIDEWIRE_PORT`);
    await assertEnds(["up", "--data", data, "--port", taken.port], { ...env, TIDEWIRE_METRICS_PORT: "0" }, 1, says);
    const metrics = { ...env, TIDEWIRE_METRICS_PORT: taken.port };
    const saysMetrics = new RegExp(`cannot serve metrics on 127\\.0\\.0\\.1:${taken.port}.*TIDEWIRE_METRICS_PORT`);
    await assertEnds(["up", "--data", data, "--port", "0"], metrics, 1, saysMetrics);
  });
});

/** A server that accepts connections and never says a word. */
async function listen(): Promise<AsyncDisposable & { port: string }> {
  const server = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return { port: String(address.port), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
