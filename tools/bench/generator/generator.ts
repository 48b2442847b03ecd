import { serveCalls } from "../stage/calls.js";
import type { GeneratorCalls } from "./generator-calls.js";
import { type GroupLoad, openGroupLoad } from "./group-load.js";
import { createIdleLoad } from "./idle-load.js";
import { type IngestLoad, openIngestLoad } from "./ingest-load.js";
import { countOpenSockets } from "./lean-socket.js";
import { openRawLoad, type RawLoad } from "./raw-load.js";
import { openStreamLoad, type StreamLoad } from "./stream-load.js";

/** The load generator: a process of its own, so that it neither slows the server down nor is slowed by the report. */
let group: GroupLoad | undefined;
let raw: RawLoad | undefined;
let stream: StreamLoad | undefined;
let ingest: IngestLoad | undefined;
const idle = createIdleLoad();

const calls: GeneratorCalls = {
  async join(request) {
    group = await openGroupLoad(request);
  },
  async subscribeRaw(request) {
    raw = await openRawLoad(request);
  },
  async runRound(request) {
    if (!group) throw new Error("nobody has joined");
    await group.runRound(request);
  },
  async reportRound() {
    if (!group) throw new Error("nobody has joined");
    return await group.reportRound();
  },
  async runRawRound({ messages }) {
    if (!raw) throw new Error("nobody has subscribed");
    return await raw.runRound(messages);
  },
  async joinStream(request) {
    stream = await openStreamLoad(request);
  },
  async runStream(request) {
    if (!stream) throw new Error("nobody has joined the stream");
    return await stream.run(request);
  },
  async reportStream() {
    if (!stream) throw new Error("nobody has joined the stream");
    return stream.report();
  },
  async joinIngest(request) {
    ingest = await openIngestLoad(request);
  },
  async runIngest({ seconds }) {
    if (!ingest) throw new Error("no sender has joined");
    return await ingest.run(seconds);
  },
  async reportIngest() {
    if (!ingest) throw new Error("no sender has joined");
    return ingest.report();
  },
  openIdle: (request) => idle.open(request),
  checkIdle: () => idle.check(),
  closeIdle: () => idle.close(),
  countConnections: () => countOpenSockets(),
  async leave() {
    ingest?.[Symbol.dispose]();
    stream?.[Symbol.dispose]();
    group?.[Symbol.dispose]();
    raw?.[Symbol.dispose]();
  },
};

serveCalls(calls);
