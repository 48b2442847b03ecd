import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { type BenchCommand, parseBenchCommand } from "../../tools/bench/command.js";
import { readFlags } from "../../tools/bench/flags.js";
import { groupFlags } from "../../tools/bench/group/options.js";
import { scenarios } from "../../tools/bench/scenarios.js";
import { slowReaderFlags } from "../../tools/bench/slow-reader/options.js";

function parse(line: string): BenchCommand {
  return parseBenchCommand(line.split(" ").filter((word) => word !== ""));
}

function read(line: string): BenchCommand & { kind: "run" } {
  const command = parse(line);
  assert.ok(command.kind === "run");
  return command;
}

function help(line: string): string {
  const command = parse(line);
  assert.ok(command.kind === "help");
  return command.text;
}

describe("the command line of the benchmark", () => {
  it("finds every scenario by its name", () => {
    for (const scenario of scenarios) assert.equal(read(scenario.name).scenario, scenario);
  });

  it("takes both databases, unless one is named", () => {
    assert.deepEqual(read("group").engines, ["postgresql", "embedded"]);
    assert.deepEqual(read("group --database embedded").engines, ["embedded"]);
  });

  it("takes the one database of a scenario that runs on one only", () => {
    assert.deepEqual(read("storm").engines, ["postgresql"]);
    assert.deepEqual(read("storm --database postgresql").engines, ["postgresql"]);
  });

  it("sets what the server is to be set to", () => {
    const { serverSettings } = read("group --server lanes=4 --server serviceThreads=0");
    assert.deepEqual(serverSettings, { lanes: "4", serviceThreads: "0" });
    assert.deepEqual(read("group").serverSettings, {});
  });

  it("knows where to write the results", () => {
    assert.deepEqual([read("group").jsonFile, read("acks --json a.json").jsonFile], [undefined, "a.json"]);
  });

  it("knows where to write the page", () => {
    assert.deepEqual([read("group").htmlFile, read("acks --html a.html").htmlFile], [undefined, "a.html"]);
  });

  it("takes two files to compare, or to make a page of", () => {
    assert.deepEqual(parse("compare a.json b.json"), { kind: "compare", before: "a.json", after: "b.json" });
    assert.deepEqual(parse("render a.json a.html"), { kind: "render", resultFile: "a.json", htmlFile: "a.html" });
  });

  it("shows help before it looks at anything else", () => {
    for (const { name } of scenarios) assert.ok(help("--help").includes(`\n  ${name} `), name);
    assert.equal(help("nonsense -h"), help("--help"));
  });

  it("shows the options of one scenario, with what they are by default", () => {
    const text = help("group --help");
    for (const { name } of Object.values(groupFlags)) assert.ok(text.includes(`--${name} `), name);
    assert.match(text, /--members N +members of the group, all online, 2 to 2000 \(default 500\)/);
    assert.ok(!text.includes("--slow"));
  });

  const mistakes: Record<string, RegExp> = {
    "": /name a scenario: group, group --paced, big-group, acks, slow-reader/,
    crowd: /no scenario "crowd"; there are: group/,
    slowreader: /did you mean slow-reader\?/,
    "group group": /one scenario at a time/,
    "group --members 1": /--members takes a whole number from 2 to 2000, not "1"/,
    "group --members 2.5": /"2.5"/,
    "group --rounds -1": /--rounds/,
    "group --rounds=": /--rounds takes .* not ""/,
    "group --database embeded": /did you mean embedded\?/,
    "group --turbo": /^there is no option --turbo$/,
    "storm --device 5": /there is no option --device; did you mean --devices\?/,
    "group --acks maybe": /--acks takes on or off, not "maybe"/,
    "group --slow 2": /--slow belongs to slow-reader/,
    "acks --acks off": /--acks belongs to group/,
    "slow-reader --warmup 1": /--warmup belongs to group and group --paced and big-group and acks/,
    "group --server lane=4": /not "lane=4"; did you mean lanes\?/,
    "group --server lanes": /--server takes NAME=VALUE/,
    "ids --server lanes=4": /ids needs no --server/,
    "storm --database embedded":
      /storm runs on postgresql only, as service threads are not used .*: leave --database out/,
    "storm --database both": /storm runs on postgresql only/,
    "storm --database postgres": /did you mean postgresql\?/,
    "storm --messages 201": /--messages takes a whole number from 1 to 200/,
    "storm --devices 3 --generators 4": /--generators takes no more than there are --devices/,
    "acks --paced": /--paced belongs to group, not to acks/,
    "group --html=": /--html takes a file/,
    "compare a.json": /compare takes two files: compare BEFORE AFTER/,
    "render a b c": /render takes two files: render RESULT PAGE/,
    "compare a b --members 5": /compare takes files only, not --members/,
    "compaer a b": /did you mean compare\?/,
    "big-group --generators 1": /--generators takes at least 2 for 10000 members/,
    "slow-reader --members 5 --slow 5": /--slow takes fewer than the 5 --members/,
    "slow-reader --members 5 --slow 4 --rate 11": /--rate takes at most 10/,
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

describe("the flags of a scenario", () => {
  it("have defaults", () => {
    assert.deepEqual(readFlags(groupFlags, {}), {
      members: 500,
      rounds: 5,
      warmupRounds: 10,
      acks: "on",
    });
  });

  it("are read into options", () => {
    const values = { members: "20", slow: "3", rounds: "7", rate: "9", bytes: "200", seconds: "5" };
    assert.deepEqual(readFlags(slowReaderFlags, values), {
      members: 20,
      slowReaders: 3,
      rounds: 7,
      messagesPerSecond: 9,
      textBytes: 200,
      seconds: 5,
    });
  });
});
