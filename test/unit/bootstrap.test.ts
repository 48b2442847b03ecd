import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { projectRoot } from "../support/project-root.js";

type Machine = { node: string; platform: string; glibc?: string };
type Lock = { packages: Record<string, { version?: string; optional?: boolean; link?: boolean }> };

/** The bootstrap is plain JavaScript, for it runs before anything is compiled. */
const load = (name: string): Promise<unknown> => import(pathToFileURL(join(projectRoot, "tools/bootstrap", name)).href);

const { findMachineProblem } = (await load("machine.mjs")) as {
  findMachineProblem: (machine: Machine) => string | undefined;
};
const { isInstalled } = (await load("packages.mjs")) as { isInstalled: (wanted: Lock, installed: Lock) => boolean };
const { fingerprint } = (await load("build.mjs")) as { fingerprint: (folder: string, paths: string[]) => string };

describe("bootstrap: machine", () => {
  const fine: Machine[] = [
    { node: "20.12.0", platform: "linux", glibc: "2.36" },
    { node: "24.0.0", platform: "linux", glibc: "2.39" },
    { node: "22.1.0", platform: "darwin" },
  ];
  for (const machine of fine)
    it(`accepts Node ${machine.node} on ${machine.platform} ${machine.glibc ?? ""}`, () => {
      assert.equal(findMachineProblem(machine), undefined);
    });

  const unfit: [Machine, RegExp][] = [
    [{ node: "18.20.4", platform: "darwin" }, /needs Node\.js 20\.12 or later; this is 18\.20\.4\.\nInstall/],
    [{ node: "20.11.1", platform: "linux", glibc: "2.36" }, /needs Node\.js 20\.12/],
    [
      { node: "22.1.0", platform: "linux", glibc: "2.36" },
      /glibc 2\.38 or later; this machine has 2\.36\.\nUse Node\.js 20/,
    ],
    [{ node: "20.12.0", platform: "linux" }, /needs a Linux with glibc/],
  ];
  for (const [machine, advice] of unfit)
    it(`tells what to install for Node ${machine.node} on ${machine.platform} ${machine.glibc ?? "without glibc"}`, () => {
      assert.match(findMachineProblem(machine) ?? "", advice);
    });
});

describe("bootstrap: packages", () => {
  const wanted: Lock = {
    packages: {
      "": { version: "1.0.0" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/for-macs": { version: "1.0.0", optional: true },
      "clients/typescript": { version: "0.1.0" },
      "node_modules/tidewire-client": { link: true },
    },
  };

  it("are complete without those of other platforms", () => {
    assert.equal(isInstalled(wanted, { packages: { "node_modules/a": { version: "1.0.0" } } }), true);
  });

  it("are installed again if one is missing or has another version", () => {
    assert.equal(isInstalled(wanted, { packages: {} }), false);
    assert.equal(isInstalled(wanted, { packages: { "node_modules/a": { version: "1.0.1" } } }), false);
  });
});

describe("bootstrap: build", () => {
  const folder = mkdtempSync(join(tmpdir(), "tidewire-bootstrap-"));
  after(() => rmSync(folder, { recursive: true }));
  const print = () => fingerprint(folder, ["src", "tsconfig.json"]);
  const write = (path: string, text: string) => {
    writeFileSync(join(folder, path), text);
    utimesSync(join(folder, path), 1, 1);
  };

  it("is repeated when a source is changed, comes, goes, or is renamed, and only then", () => {
    mkdirSync(join(folder, "src/deep"), { recursive: true });
    write("src/deep/a.ts", "one");
    const prints = [print()];
    assert.equal(print(), prints[0]);
    write("src/deep/a.ts", "other length");
    prints.push(print());
    write("src/b.ts", "two");
    prints.push(print());
    utimesSync(join(folder, "src/b.ts"), 2, 2);
    prints.push(print());
    rmSync(join(folder, "src/b.ts"));
    write("src/c.ts", "two");
    prints.push(print());
    rmSync(join(folder, "src/c.ts"));
    rmSync(join(folder, "src/deep/a.ts"));
    prints.push(print());
    assert.equal(new Set(prints).size, prints.length);
  });
});
