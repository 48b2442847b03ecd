import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../support/project-root.js";

const modules = join(projectRoot, "node_modules");

/** Runs a script with this Node. */
function runNode(script: string, args: readonly string[], options: { cwd?: string; input?: string } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: projectRoot,
    encoding: "utf8",
    ...options,
  });
  return { status, output: stdout + stderr };
}

function buf(args: readonly string[], cwd = projectRoot) {
  return runNode(join(modules, "@bufbuild/buf/bin/buf"), args, { cwd });
}

describe("the contract", () => {
  let copy: string;
  before(() => {
    copy = mkdtempSync(join(tmpdir(), "tidewire-contract-"));
    cpSync(join(projectRoot, "proto"), join(copy, "proto"), { recursive: true });
    cpSync(join(projectRoot, "buf.yaml"), join(copy, "buf.yaml"));
  });
  after(() => rmSync(copy, { recursive: true }));

  /** Replaces text in a file of the copy for the length of `run`. */
  function withChange(file: string, from: string, to: string, run: () => void) {
    const path = join(copy, "proto/tidewire/v1", file);
    const original = readFileSync(path, "utf8");
    assert.ok(original.includes(from), `${file} contains ${from}`);
    writeFileSync(path, original.replace(from, to));
    try {
      run();
    } finally {
      writeFileSync(path, original);
    }
  }

  it("passes buf lint, and would not with an uncommented field", () => {
    assert.deepEqual(buf(["lint"]), { status: 0, output: "" });
    withChange("frame.proto", "message Logout {}", "// x\nmessage Logout {\n  bool bare = 1;\n}", () => {
      assert.match(buf(["lint"], copy).output, /Field "bare" should have a non-empty comment/);
    });
  });

  it("is formatted as buf formats it", () => {
    assert.deepEqual(buf(["format", "--diff", "--exit-code"]), { status: 0, output: "" });
  });

  it("breaks nothing that the baseline promises", () => {
    assert.deepEqual(buf(["breaking", "--against", "proto/baseline.binpb"]), { status: 0, output: "" });
  });

  for (const [name, file, from, to, complaint] of [
    [
      "a removed field",
      "frame.proto",
      "  string device_id = 2 [(max_bytes) = 64];\n",
      "",
      /field "2" with name "device_id"/,
    ],
    ["another type", "content.proto", "uint64 seq = 2;", "uint32 seq = 2;", /changed type from "uint64" to "uint32"/],
    ["another number", "content.proto", "uint64 counter = 8;", "uint64 counter = 18;", /field "8" with name "counter"/],
    [
      "a renamed method",
      "message.proto",
      "rpc Send(",
      "rpc Post(",
      /RPC "Send" on service "MessageService" was deleted/,
    ],
  ] as const) {
    it(`is refused with ${name}`, () => {
      withChange(file, from, to, () => {
        const { status, output } = buf(["breaking", "--against", "proto/baseline.binpb"], copy);
        assert.notEqual(status, 0);
        assert.match(output, complaint);
      });
    });
  }
});

describe("gen/ts", () => {
  it("is what the generators make of the contract", () => {
    const { status, output } = runNode("tools/generate.mjs", ["--check"]);
    assert.equal(status, 0, output);
  });

  it("holds files of ours that the formatter would leave as they are", () => {
    const folder = join(projectRoot, "gen/ts/tidewire/v1");
    for (const name of readdirSync(folder).filter((file) => !file.endsWith("_pb.ts"))) {
      const text = readFileSync(join(folder, name), "utf8");
      const { output } = runNode(
        join(modules, "@biomejs/biome/bin/biome"),
        ["format", "--line-width=120", "--indent-style=space", `--stdin-file-path=tools/${name}`],
        { input: text },
      );
      assert.equal(output, text, name);
    }
  });
});
