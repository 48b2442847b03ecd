import { promisify } from "node:util";
import { constants, deflateRaw } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { Compression, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import type { Metrics } from "../../runtime/metrics.js";

/** Packs sync pages where the device can unpack them and it is worth it. */
export interface PagePacker {
  /** Of an encoded SyncPage without a request_id. Resolves to one as well: the same, or one that it is packed in. */
  pack(page: Uint8Array, compression: Compression): Promise<Uint8Array>;
}

/**
 * The smallest page that is packed, in bytes. Short chat texts get 1.6 to 2.3 times smaller (Node 20, two busy cores):
 *
 *     page     packed   event loop   until it is done   if the event loop did it
 *      1.1 KB   0.7 KB      35 us         75 us            40 us
 *      4.2 KB   2.4 KB      33 us        110 us            75 us
 *     16.4 KB   8.4 KB      31 us        220 us           190 us
 *     49.4 KB  21.7 KB      65 us        550 us           500 us
 *
 * To the event loop it costs a fixed sum to have it done by another thread, and below this size there is next to nothing to be
 * saved for it: such a page takes one or two packets either way.
 */
export const packMinBytes = 2_048;
/** What a device may be asked to unpack, in bytes: the contract says so. Only a changed configuration has larger pages. */
export const unpackedMaxBytes = 1_048_576;
/** Pages that are being packed at a time; the next go as they are. libuv's threads hash passwords as well, and take their time. */
export const packingMax = 32;
/** Level 6 takes up to 2.4 times as long, for another 2 to 10 %. */
const options = { level: constants.Z_BEST_SPEED };

const deflate = promisify(deflateRaw);

export function createPagePacker({
  pagesPacked,
  packedBytes,
}: Pick<Metrics, "pagesPacked" | "packedBytes">): PagePacker {
  let packing = 0;

  function obstacle(pageBytes: number): "small" | "large" | "busy" | undefined {
    if (pageBytes < packMinBytes) return "small";
    if (pageBytes > unpackedMaxBytes) return "large";
    return packing >= packingMax ? "busy" : undefined;
  }

  async function deflated(plain: Uint8Array): Promise<Uint8Array> {
    packing++;
    try {
      const packed = {
        compression: Compression.DEFLATE,
        unpackedBytes: plain.length,
        bytes: await deflate(plain, options),
      };
      return encode(SyncPageSchema, create(SyncPageSchema, { packed }));
    } finally {
      packing--;
    }
  }

  return {
    async pack(plain, compression) {
      if (compression !== Compression.DEFLATE) return plain;
      const outcome = obstacle(plain.length);
      if (outcome !== undefined) {
        pagesPacked.inc({ outcome });
        return plain;
      }
      const packed = await deflated(plain);
      const isSmaller = packed.length < plain.length;
      pagesPacked.inc({ outcome: isSmaller ? "packed" : "no-smaller" });
      if (!isSmaller) return plain;
      packedBytes.inc({ when: "before" }, plain.length);
      packedBytes.inc({ when: "after" }, packed.length);
      return packed;
    },
  };
}
