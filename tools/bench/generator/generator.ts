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

function joined<Load>(load: Load | undefined): Load {
  if (!load) throw new Error("nobody has joined");
  return load;
}

const calls: GeneratorCalls = {
  async join(request) {
    group = await openGroupLoad(request);
    return group.members;
  },
  prepareRound: (request) => joined(group).prepareRound(request),
  runRound: () => joined(group).runRound(),
  reportRound: () => joined(group).reportRound(),
  async subscribeRaw(request) {
    raw = await openRawLoad(request);
  },
  prepareRaw: ({ messages }) => joined(raw).prepareRound(messages),
  runRaw: () => joined(raw).runRound(),
  async joinStream(request) {
    stream = await openStreamLoad(request);
  },
  runStream: (request) => joined(stream).run(request),
  stopStream: () => joined(stream).stop(),
  reportStream: async () => joined(stream).report(),
  async joinIngest(request) {
    ingest = await openIngestLoad(request);
  },
  runIngest: ({ seconds }) => joined(ingest).run(seconds),
  reportIngest: async () => joined(ingest).report(),
  openIdle: (request) => idle.open(request),
  checkIdle: () => idle.check(),
  closeIdle: () => idle.close(),
  countConnections: () => countOpenSockets(),
  async leave() {
    for (const load of [ingest, stream, group, raw]) load?.[Symbol.dispose]();
  },
};

serveCalls(calls);
