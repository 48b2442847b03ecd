import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type BenchOptions, parseBenchOptions } from "../../tools/bench/options.js";

const engines = ["postgresql", "embedded"] as const;

function read(argv: string): BenchOptions {
  const command = parseBenchOptions(argv.split(" ").filter((word) => word !== ""));
  assert.ok(command.kind === "run");
  return command.options;
}

describe("the command line of the benchmark", () => {
  it("has defaults for each scenario", () => {
    assert.deepEqual(read("group"), {
      scenario: "group",
      members: 500,
      rounds: 5,
      warmupRounds: 10,
      acks: "on",
      engines,
      jsonFile: undefined,
      profileDirectory: undefined,
    });
    assert.deepEqual(read("group --paced"), {
      scenario: "paced",
      members: 500,
      rounds: 40,
      warmupRounds: 10,
      engines,
      jsonFile: undefined,
    });
    assert.deepEqual(read("acks"), {
      scenario: "acks",
      members: 500,
      rounds: 15,
      warmupRounds: 10,
      engines,
      jsonFile: undefined,
    });
    assert.deepEqual(read("slow-reader"), {
      scenario: "slow-reader",
      members: 120,
      slowReaders: 10,
      messagesPerSecond: 100,
      textBytes: 4_096,
      seconds: 40,
      rounds: 3,
      engines,
      jsonFile: undefined,
    });
  });

  it("reads every option", () => {
    const common = "--members 20 --rounds 7 --database embedded --json a.json";
    const expected = { members: 20, rounds: 7, engines: ["embedded"], jsonFile: "a.json" };
    assert.deepEqual(read(`group ${common} --warmup 1 --acks off --profile p`), {
      scenario: "group",
      ...expected,
      warmupRounds: 1,
      acks: "off",
      profileDirectory: "p",
    });
    assert.deepEqual(read(`acks ${common} --warmup 2`), { scenario: "acks", ...expected, warmupRounds: 2 });
    assert.deepEqual(read(`slow-reader ${common} --slow 3 --rate 9 --bytes 200 --seconds 5`), {
      scenario: "slow-reader",
      ...expected,
      slowReaders: 3,
      messagesPerSecond: 9,
      textBytes: 200,
      seconds: 5,
    });
  });

  it("leaves a small group members that read, and asks no more of them than a user may send", () => {
    const options = read("slow-reader --members 4");
    assert.ok(options.scenario === "slow-reader");
    assert.deepEqual([options.slowReaders, options.messagesPerSecond], [3, 10]);
  });

  it("shows help before it looks at anything else", () => {
    assert.deepEqual(parseBenchOptions(["--help"]), { kind: "help" });
    assert.deepEqual(parseBenchOptions(["nonsense", "-h"]), { kind: "help" });
  });

  const mistakes: Record<string, RegExp> = {
    "": /name a scenario: group, acks, slow-reader/,
    crowd: /no scenario "crowd"/,
    "group group": /one scenario at a time/,
    "group --members 1": /--members takes a whole number from 2 to 2000, not "1"/,
    "group --members 2.5": /"2.5"/,
    "group --rounds -1": /--rounds/,
    "group --rounds=": /--rounds takes .* not ""/,
    "group --database embeded": /did you mean embedded\?/,
    "group --turbo": /--turbo/,
    "group --acks maybe": /--acks takes on or off, not "maybe"/,
    "group --slow 2": /--slow belongs to slow-reader/,
    "acks --acks off": /--acks belongs to group/,
    "slow-reader --warmup 1": /--warmup belongs to group and group --paced and acks/,
    "acks --paced": /--paced belongs to group/,
    "slow-reader --members 5 --slow 5": /--slow takes a whole number from 1 to 4/,
    "slow-reader --members 5 --slow 4 --rate 11": /--rate takes a whole number from 1 to 10/,
  };
  for (const [argv, message] of Object.entries(mistakes)) {
    it(`explains what is wrong with "${argv}"`, () => {
      assert.throws(
        () => read(argv),
        (error) =>
          error instanceof TidewireError && error.code === ErrorCode.INVALID_ARGUMENT && message.test(error.message),
      );
    });
  }
});
