import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { feedLog } from "../support/log-feed.js";

describe("conversation log", () => {
  it("lets entries out in order", () => {
    const { receive } = feedLog();
    assert.deepEqual(
      [1, 2, 3].map((seq) => receive(seq)),
      [[1], [2], [3]],
    );
  });

  it("drops what it has let out before", () => {
    const { receive } = feedLog();
    receive(1);
    receive(2);
    assert.deepEqual(receive(2), []);
    assert.deepEqual(receive(1), []);
  });

  it("holds what has overtaken another, and lets both out in order when that comes", () => {
    const { receive } = feedLog();
    receive(1);
    assert.deepEqual(receive(3), []);
    assert.deepEqual(receive(3), [], "held already");
    assert.deepEqual(receive(4), []);
    assert.deepEqual(receive(2), [2, 3, 4]);
    assert.deepEqual(receive(5), [5]);
  });

  it("mends one hole and goes on holding behind the next", () => {
    const { receive } = feedLog();
    for (const seq of [1, 3, 5]) receive(seq);
    assert.deepEqual(receive(2), [2, 3]);
    assert.deepEqual(receive(4), [4, 5]);
  });

  it("lets out what is older than itself: it was overtaken before this log was started", () => {
    const { receive } = feedLog();
    assert.deepEqual(receive(7), [7]);
    assert.deepEqual(receive(5), [5]);
    assert.deepEqual(receive(6), [6]);
    assert.deepEqual(receive(8), [8]);
  });

  it("holds no more than its bound: what it does not take, devices find missing", () => {
    const feed = feedLog({ limits: { heldMax: 3 } });
    feed.receive(1);
    for (const seq of [5, 4, 3]) assert.deepEqual(feed.receive(seq), []);
    assert.deepEqual(feed.receive(6), []);
    assert.equal(feed.log.held.length, 3);
    assert.deepEqual(feed.mend(50), { fetch: [2, 2] });
  });

  it("takes the entry that is missing, however full it is", () => {
    const { receive } = feedLog({ limits: { heldMax: 3 } });
    for (const seq of [1, 5, 4, 3]) receive(seq);
    assert.deepEqual(receive(2), [2, 3, 4, 5]);
  });

  it("waits for the seq that it was told to wait for, and lets out older ones meanwhile", () => {
    const { receive } = feedLog({ startSeq: 5 });
    assert.deepEqual(receive(6), []);
    assert.deepEqual(receive(4), [4]);
    assert.deepEqual(receive(5), [5, 6]);
    assert.deepEqual(receive(5), []);
  });

  it("remembers when it was used last", () => {
    const feed = feedLog();
    for (const [seq, nowMs] of [
      [1, 5],
      [1, 6],
      [3, 7],
      [9, 8],
      [2, 9],
    ] as const) {
      feed.receive(seq, nowMs);
      assert.equal(feed.log.lastUsedMs, nowMs);
    }
  });
});

describe("a hole in a conversation log", () => {
  it("is asked for after 50 ms, and not a millisecond before", () => {
    const { mend, receive } = feedLog();
    receive(1, 0);
    receive(6, 10);
    receive(5, 40);
    assert.equal(mend(59), "none");
    assert.deepEqual(mend(60), { fetch: [2, 4] });
  });

  it("is asked for once", () => {
    const { mend, receive } = feedLog();
    receive(1, 0);
    receive(3, 0);
    assert.deepEqual(mend(50), { fetch: [2, 2] });
    receive(4, 60);
    for (const nowMs of [50, 51, 200, 2_049]) assert.equal(mend(nowMs), "none");
  });

  it("is given up when no answer has come in two seconds, and what was held goes out", () => {
    const { mend, receive } = feedLog();
    for (const seq of [1, 4, 3]) receive(seq, 0);
    mend(50);
    assert.equal(mend(2_049), "none");
    assert.deepEqual(mend(2_050), { release: [3, 4] });
    assert.deepEqual(receive(5, 2_051), [5]);
    assert.deepEqual(receive(2, 2_052), [], "too late: devices have mended the hole by sync");
    assert.equal(mend(9_999), "none");
  });

  it("is given up at once when the answer did not bring it", () => {
    const { finishFetch, mend, receive } = feedLog();
    for (const seq of [1, 3]) receive(seq, 0);
    mend(50);
    assert.deepEqual(finishFetch(), [3]);
    assert.equal(mend(9_999), "none");
    assert.deepEqual(finishFetch(), [], "once");
  });

  it("is mended by the answer like by any other entry", () => {
    const feed = feedLog();
    for (const seq of [1, 4]) feed.receive(seq, 0);
    feed.mend(50);
    assert.deepEqual(feed.receive(2, 60), [2]);
    assert.deepEqual(feed.receive(3, 60), [3, 4]);
    assert.deepEqual(feed.finishFetch(), []);
    assert.equal(feed.log.hole, undefined);
  });

  it("is not given up by the answer if that has mended a part: the rest is asked for in its turn", () => {
    const { finishFetch, mend, receive } = feedLog();
    for (const seq of [1, 4]) receive(seq, 0);
    mend(50);
    assert.deepEqual(receive(2, 60), [2]);
    assert.deepEqual(finishFetch(), []);
    assert.equal(mend(109), "none");
    assert.deepEqual(mend(110), { fetch: [3, 3] });
  });

  it("has 50 ms of its own when the one below it is mended", () => {
    const { mend, receive } = feedLog();
    receive(1, 0);
    receive(3, 0);
    receive(5, 45);
    assert.deepEqual(receive(2, 49), [2, 3]);
    for (const nowMs of [50, 98]) assert.equal(mend(nowMs), "none");
    assert.deepEqual(mend(99), { fetch: [4, 4] });
  });

  it("goes out with those above it, however many holes they have", () => {
    const { finishFetch, mend, receive } = feedLog();
    for (const seq of [1, 3, 5, 8]) receive(seq, 0);
    mend(50);
    assert.deepEqual(finishFetch(), [3, 5, 8]);
    assert.deepEqual(receive(9), [9]);
  });

  it("needs nothing while nothing is held", () => {
    const { finishFetch, mend, receive } = feedLog();
    receive(1, 0);
    assert.equal(mend(1_000_000), "none");
    assert.deepEqual(finishFetch(), []);
  });

  it("is found again when it is opened again, with all that was held above it", () => {
    const feed = feedLog();
    for (const seq of [1, 3, 4]) feed.receive(seq, 0);
    feed.mend(50);
    assert.deepEqual(feed.finishFetch(), [3, 4]);
    feed.reopen(1);
    assert.deepEqual(feed.log.held, []);
    assert.equal(feed.mend(9_999), "none");
    assert.deepEqual(feed.receive(5, 10_000), []);
    assert.deepEqual(feed.mend(10_050), { fetch: [2, 4] });
    assert.deepEqual(
      [2, 3, 4].flatMap((seq) => feed.receive(seq, 10_060)),
      [2, 3, 4, 5],
    );
  });
});
