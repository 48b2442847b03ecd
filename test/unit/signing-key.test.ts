import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generateSigningKey, loadSigningKey, signingKeyFile } from "../../services/account/signing-key.js";

async function temporaryDirectory() {
  const directory = await mkdtemp(join(tmpdir(), "tidewire-key-"));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

describe("the signing key", () => {
  it("is made at first start, readable by its owner only, and stays the same afterwards", async () => {
    await using place = await temporaryDirectory();
    const first = await loadSigningKey(place);
    const second = await loadSigningKey(place);
    assert.equal(second.keyId, first.keyId);
    assert.equal((await stat(join(place.directory, signingKeyFile))).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(place.directory), [signingKeyFile]);
  });

  it("is one and the same for servers that start at the same time", async () => {
    await using place = await temporaryDirectory();
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadSigningKey(place)));
    assert.equal(new Set(keys.map((key) => key.keyId)).size, 1);
    assert.deepEqual(await readdir(place.directory), [signingKeyFile]);
  });

  it("comes from configuration if that holds one, and then no file is written", async () => {
    await using place = await temporaryDirectory();
    const jwk = await generateSigningKey();
    const first = await loadSigningKey({ ...place, jwk });
    assert.equal((await loadSigningKey({ ...place, jwk })).keyId, first.keyId);
    assert.deepEqual(await readdir(place.directory), []);
  });

  it("is refused by the name of its file when it is damaged, and the file is left alone", async () => {
    await using place = await temporaryDirectory();
    const path = join(place.directory, signingKeyFile);
    await writeFile(path, "{ half a key");
    await assert.rejects(loadSigningKey(place), (error: Error) => error.message.startsWith(path));
    assert.equal(await readFile(path, "utf8"), "{ half a key");
  });

  it("is refused without being quoted when it is of another kind or its halves do not match", async () => {
    await using place = await temporaryDirectory();
    const { d, ...publicPart } = JSON.parse(await generateSigningKey());
    const { d: foreign } = JSON.parse(await generateSigningKey());
    for (const jwk of [publicPart, { ...publicPart, d: foreign }, { kty: "RSA", d }, { ...publicPart, d: 5 }, []]) {
      await assert.rejects(loadSigningKey({ ...place, jwk: JSON.stringify(jwk) }), (error: Error) => {
        assert.match(error.message, /the configured token key does not hold a private Ed25519 JWK/);
        assert.ok(!error.message.includes(d) && error.cause === undefined);
        return true;
      });
    }
  });

  it("in a directory that is not there is refused with the path", async () => {
    await using place = await temporaryDirectory();
    const directory = join(place.directory, "missing");
    await assert.rejects(loadSigningKey({ directory }), (error: Error) => error.message.includes(directory));
  });
});
