import { clientSide } from "../client/episode.js";
import { gatewaySide } from "../gateway/episode.js";
import type { Side } from "./episode.js";

/** What is fuzzed, in turns: the gateway most, for it is open to everybody. */
export const sides: readonly Side[] = [gatewaySide, gatewaySide, gatewaySide, clientSide];
