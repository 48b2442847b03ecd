import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeDirectory } from "../../runtime/make-directory.js";

describe("making a directory", () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "tidewire-directories-"));
  });
  after(() => rm(home, { recursive: true }));

  it("makes it and its parents, for its owner alone, and leaves one that is there", async () => {
    const path = join(home, "a", "b", "c");
    await Promise.all([makeDirectory(path), makeDirectory(path)]);
    for (const each of [path, join(home, "a")]) assert.equal(statSync(each).mode & 0o777, 0o700);
    await writeFile(join(path, "file"), "");
    await makeDirectory(path);
    assert.ok(existsSync(join(path, "file")));
  });

  it("fails where a file is in the way", async () => {
    const file = join(home, "file");
    await writeFile(file, "");
    await assert.rejects(makeDirectory(file), { code: "EEXIST" });
    await assert.rejects(makeDirectory(join(file, "data")), { code: "ENOTDIR" });
    await assert.rejects(makeDirectory(join(file, "data", "more")), { code: "ENOTDIR" });
  });

  it("fails at once where nothing can be made though the parent is there", async () => {
    await assert.rejects(makeDirectory("/proc/tidewire"));
    await assert.rejects(makeDirectory("/proc/tidewire/data"));
  });
});
