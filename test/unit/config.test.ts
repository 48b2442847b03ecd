import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { after, describe, it } from "node:test";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { limitsOf, loadConfig, secretsOf } from "../../runtime/config.js";
import { describeConfig, toConfigText } from "../../runtime/config-description.js";
import { TidewireError } from "../../runtime/error.js";

const folder = mkdtempSync(join(tmpdir(), "tidewire-config-"));
after(() => rmSync(folder, { recursive: true }));

function writeConfig(content: string): string {
  const file = join(folder, "tidewire.json");
  writeFileSync(file, content);
  return file;
}

function problemsOf(load: () => unknown): string {
  try {
    load();
  } catch (thrown) {
    assert.ok(thrown instanceof TidewireError, String(thrown));
    return thrown.message;
  }
  assert.fail("the configuration was accepted");
}

describe("configuration", () => {
  it("is complete without any setting", () => {
    const { config, sources } = loadConfig({ env: {} });
    assert.equal(config.host, "127.0.0.1");
    assert.equal(config.port, 8080);
    assert.equal(config.databaseUrl, "");
    assert.ok(isAbsolute(config.dataDir));
    assert.equal(sources.port, "default");
  });

  it("takes the limits of devices from the contract", () => {
    assert.deepEqual(limitsOf(loadConfig({ env: {} }).config), defaultLimits);
  });

  it("prefers the command line to the environment, that to the file, and that to defaults", () => {
    const file = writeConfig(`{"port": 1001, "lanes": 3, "ackDelayMs": 50}`);
    const env = { TIDEWIRE_PORT: "1002", TIDEWIRE_LANES: "4" };
    const { config, sources } = loadConfig({ env, file, overrides: { port: 1003 } });
    assert.deepEqual([config.port, sources.port], [1003, "command line"]);
    assert.deepEqual([config.lanes, sources.lanes], [4, "environment"]);
    assert.deepEqual([config.ackDelayMs, sources.ackDelayMs], [50, "file"]);
  });

  it("finds its file by TIDEWIRE_CONFIG too", () => {
    const file = writeConfig(`{"port": 1001}`);
    assert.equal(loadConfig({ env: { TIDEWIRE_CONFIG: file } }).config.port, 1001);
  });

  it("reads flags, choices, ports that may be off, and lists", () => {
    const env = {
      TIDEWIRE_ALLOW_UNSAFE_DATABASE: "Yes",
      TIDEWIRE_LOG_FORMAT: "json",
      TIDEWIRE_METRICS_PORT: "off",
      TIDEWIRE_ALLOWED_ORIGINS: "https://a.example, http://localhost:3000",
    };
    const { config } = loadConfig({ env });
    assert.equal(config.allowUnsafeDatabase, true);
    assert.equal(config.logFormat, "json");
    assert.equal(config.metricsPort, "off");
    assert.deepEqual(config.allowedOrigins, ["https://a.example", "http://localhost:3000"]);
    const file = writeConfig(
      `{"allowedOrigins": ["https://b.example"], "allowUnsafeDatabase": false, "metricsPort": 0}`,
    );
    const fromFile = loadConfig({ env: {}, file }).config;
    assert.deepEqual(fromFile.allowedOrigins, ["https://b.example"]);
    assert.equal(fromFile.metricsPort, 0);
  });

  it("treats an empty variable as not set", () => {
    const { config, sources } = loadConfig({ env: { TIDEWIRE_PORT: "", TIDEWIRE_DATABASE_URL: "" } });
    assert.equal(config.port, 8080);
    assert.equal(sources.databaseUrl, "default");
  });

  it("cannot be changed afterwards", () => {
    const { config } = loadConfig({ env: { TIDEWIRE_ALLOWED_ORIGINS: "https://a.example" } });
    assert.throws(() => Object.assign(config, { port: 1 }), TypeError);
    assert.throws(() => (config.allowedOrigins as string[]).push("https://evil.example"), TypeError);
  });

  it("reports every problem at once", () => {
    const file = writeConfig(`{"lanes": 0, "prot": 8081, "accessTokenMinutes": "soon"}`);
    const env = {
      TIDEWIRE_PORT: "80800",
      TIDEWIRE_LOG_LEVEL: "loud",
      TIDEWIRE_DATABSE_URL: "postgres://x",
      TIDEWIRE_EXTERNAL_ISSUER: "https://issuer.example",
      TIDEWIRE_FRAME_MAX_BYTES: "1048576",
    };
    const message = problemsOf(() => loadConfig({ env, file }));
    for (const expected of [
      "8 problems",
      "tidewire.json: lanes: must be a whole number from 1 to 64; 0 is not",
      `there is no option "prot"; did you mean port?`,
      `accessTokenMinutes: must be a whole number from 1 to 1440; "soon" is not`,
      `TIDEWIRE_PORT: must be a whole number from 0 to 65535; "80800" is not`,
      `TIDEWIRE_LOG_LEVEL: must be one of trace, debug, info, warn, error, silent; "loud" is not`,
      "TIDEWIRE_DATABSE_URL: there is no such option; did you mean TIDEWIRE_DATABASE_URL?",
      "externalIssuer, externalJwksUrl and externalAudience must be set together",
      "frameMaxBytes must not be above messageMaxBytes",
    ])
      assert.ok(message.includes(expected), `${expected}\nis not in\n${message}`);
  });

  for (const [variable, value] of [
    ["TIDEWIRE_PORT", "8080.5"],
    ["TIDEWIRE_PORT", "0x50"],
    ["TIDEWIRE_PORT", "1e3"],
    ["TIDEWIRE_PORT", "-1"],
    ["TIDEWIRE_METRICS_PORT", "on"],
    ["TIDEWIRE_HOST", "two words"],
    ["TIDEWIRE_ALLOW_UNSAFE_DATABASE", "maybe"],
    ["TIDEWIRE_ALLOWED_ORIGINS", "https://a.example/path"],
    ["TIDEWIRE_ALLOWED_ORIGINS", "a.example"],
    ["TIDEWIRE_DATABASE_URL", "mysql://db.example"],
    ["TIDEWIRE_TOKEN_KEY", "{}"],
    ["TIDEWIRE_CONTENT_MAX_BYTES", "65536"],
    ["TIDEWIRE_METRICS_PORT", "8080"],
  ] as const)
    it(`refuses ${variable}=${value}`, () => {
      problemsOf(() => loadConfig({ env: { [variable]: value } }));
    });

  for (const [name, content, expected] of [
    ["is broken", `{"databaseUrl": "canary", oops`, "is not JSON"],
    ["is not an object", `["canary"]`, "must be a JSON object"],
  ] as const)
    it(`says so when its file ${name}, without quoting it`, () => {
      const message = problemsOf(() => loadConfig({ env: {}, file: writeConfig(content) }));
      assert.ok(message.includes(expected), message);
      assert.ok(!message.includes("canary"), message);
    });

  it("says so when its file is not there", () => {
    const message = problemsOf(() => loadConfig({ env: {}, file: join(folder, "nowhere.json") }));
    assert.match(message, /nowhere\.json: cannot be read \(ENOENT\)/);
  });

  it("never quotes a secret in a problem", () => {
    const message = problemsOf(() =>
      loadConfig({ env: { TIDEWIRE_DATABASE_URL: "mysql://u:canary@db", TIDEWIRE_TOKEN_KEY: "canary" } }),
    );
    assert.ok(!message.includes("canary"), message);
  });
});

describe("description of the configuration", () => {
  it("shows each value with unit and source, and hides secrets", () => {
    const loaded = loadConfig({
      env: { TIDEWIRE_DATABASE_URL: "postgres://u:canary@db.example/t", TIDEWIRE_ACK_DELAY_MS: "50" },
    });
    const text = toConfigText(describeConfig(loaded));
    assert.match(text, /TIDEWIRE_ACK_DELAY_MS +50 ms {2}\(environment\)/);
    assert.match(text, /TIDEWIRE_DATABASE_URL +set, hidden {2}\(environment\)/);
    assert.match(text, /TIDEWIRE_TOKEN_KEY +not set\n/);
    assert.ok(!text.includes("canary"));
  });
});

describe("secrets of the configuration", () => {
  it("are named whole and in their parts", () => {
    const tokenKey = JSON.stringify({ kty: "OKP", crv: "Ed25519", x: "public", d: "private-part" });
    const databaseUrl = "postgres://u:p%40ss@db.example/t";
    const { config } = loadConfig({ env: { TIDEWIRE_DATABASE_URL: databaseUrl, TIDEWIRE_TOKEN_KEY: tokenKey } });
    assert.deepEqual(secretsOf(config), [databaseUrl, "p@ss", tokenKey, "private-part"]);
  });
});
