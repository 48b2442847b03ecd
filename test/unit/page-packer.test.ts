import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { inflateRawSync } from "node:zlib";
import { create, fromBinary } from "@bufbuild/protobuf";
import { Compression, type SyncPage, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createPagePacker, packingMax, packMinBytes, unpackedMaxBytes } from "../../services/message/page-packer.js";

const { DEFLATE, UNSPECIFIED } = Compression;

/** A page of exactly so many bytes, full of zeros or of rubbish. */
function pageOf(bytes: number, content: "zeros" | "rubbish" = "zeros"): SyncPage {
  const build = (length: number): SyncPage => {
    const data = content === "rubbish" ? randomBytes(length) : new Uint8Array(length);
    const body = { case: "custom" as const, value: { payload: data } };
    return create(SyncPageSchema, { conversationId: 9n, headSeq: 3n, messages: [{ seq: 3n, content: { body } }] });
  };
  let length = bytes;
  while (encode(SyncPageSchema, build(length)).length > bytes) length--;
  const page = build(length);
  assert.equal(encode(SyncPageSchema, page).length, bytes);
  return page;
}

function world() {
  const metrics = createMetrics();
  const packer = createPagePacker(metrics);
  return {
    encodePage: (page: SyncPage, compression: Compression) => packer.pack(encode(SyncPageSchema, page), compression),
    async counts() {
      const { values: pages } = await metrics.pagesPacked.get();
      const { values: bytes } = await metrics.packedBytes.get();
      return {
        pages: Object.fromEntries(pages.map(({ labels, value }) => [labels.outcome, value])),
        bytes: Object.fromEntries(bytes.map(({ labels, value }) => [labels.when, value])),
      };
    },
  };
}

describe("a page packer", () => {
  it("packs the whole page, and says how and how large it was", async () => {
    const { encodePage, counts } = world();
    const page = pageOf(10_000);
    const bytes = await encodePage(page, DEFLATE);
    const { packed, ...rest } = fromBinary(SyncPageSchema, bytes);
    assert.ok(packed);
    assert.deepEqual([packed.compression, packed.unpackedBytes], [DEFLATE, 10_000]);
    assert.equal(encode(SyncPageSchema, rest).length, 0);
    assert.ok(inflateRawSync(packed.bytes).equals(encode(SyncPageSchema, page)));
    assert.deepEqual(await counts(), { pages: { packed: 1 }, bytes: { before: 10_000, after: bytes.length } });
  });

  it("leaves a page as it is for a device that cannot unpack it", async () => {
    const { encodePage, counts } = world();
    const page = pageOf(10_000);
    for (const compression of [UNSPECIFIED, 99 as Compression])
      assert.deepEqual(await encodePage(page, compression), encode(SyncPageSchema, page));
    assert.deepEqual((await counts()).pages, {});
  });

  it("leaves a page as it is that is too small for it, or larger than a device unpacks", async () => {
    const { encodePage, counts } = world();
    for (const bytes of [packMinBytes - 1, packMinBytes, unpackedMaxBytes, unpackedMaxBytes + 1])
      await encodePage(pageOf(bytes), DEFLATE);
    assert.deepEqual((await counts()).pages, { small: 1, packed: 2, large: 1 });
  });

  it("leaves a page as it is that does not get smaller", async () => {
    const { encodePage, counts } = world();
    const page = pageOf(10_000, "rubbish");
    assert.deepEqual(await encodePage(page, DEFLATE), encode(SyncPageSchema, page));
    assert.deepEqual(await counts(), { pages: { "no-smaller": 1 }, bytes: {} });
  });

  it("lets pages go as they are while many are being packed, and packs again after that", async () => {
    const { encodePage, counts } = world();
    const page = pageOf(10_000);
    await Promise.all(Array.from({ length: packingMax + 1 }, () => encodePage(page, DEFLATE)));
    assert.deepEqual((await counts()).pages, { packed: packingMax, busy: 1 });
    await encodePage(page, DEFLATE);
    assert.equal((await counts()).pages.packed, packingMax + 1);
  });
});
