import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { parseEnduranceOptions } from "../endurance/options.js";
import { failsWith } from "../support/errors.js";

function parse(...argv: string[]) {
  const command = parseEnduranceOptions(argv, 42);
  assert.ok(command.kind === "run");
  const { clients, durationMs, faults, seed, jsonFile } = command.options;
  return { clients, durationMs, faults, seed, jsonFile };
}

describe("the options of an endurance run", () => {
  it("are a hundred clients for five minutes, with more than sixty faults, unless told otherwise", () => {
    assert.deepEqual(parse(), { clients: 100, durationMs: 300_000, faults: 65, seed: 42, jsonFile: undefined });
  });

  it("can all be given", () => {
    const all = parse("--clients", "8", "--minutes", "0.5", "--faults", "3", "--seed", "7", "--json", "x.json");
    assert.deepEqual(all, { clients: 8, durationMs: 30_000, faults: 3, seed: 7, jsonFile: "x.json" });
    assert.equal(parse("--minutes", "2").faults, 26);
  });

  for (const argv of [
    ["--clients", "3"],
    ["--clients", "4.5"],
    ["--minutes", "0"],
    ["--minutes", "five"],
    ["--seed", "-1"],
    ["--what"],
    ["group"],
  ]) {
    it(`refuse ${argv.join(" ")}`, () => {
      assert.throws(() => parse(...argv), failsWith(ErrorCode.INVALID_ARGUMENT));
    });
  }

  it("explain themselves", () => {
    assert.deepEqual(parseEnduranceOptions(["--help"], 42), { kind: "help" });
  });
});
