import type { Counts } from "../../sim/engine/counts.js";
import type { Random } from "../../sim/engine/random.js";
import type { Meter } from "./meter.js";

/** One side under fuzz. */
export interface Side {
  readonly name: "gateway" | "client";
  /** A fresh world. What happens in it follows from `tools.random` and from what it is fed. */
  open(tools: EpisodeTools): Episode;
}

/** The life of one world, through some hundred inputs. Methods throw a Violation, or whatever came out of the code under fuzz. */
export interface Episode {
  /** Makes an input, delivers it, lets something else happen, and looks whether all is well. */
  feed(input: EpisodeInput): void;
  /** Ends the world as it would end in earnest, and looks whether anything is left of it. */
  end(): void;
}

export type EpisodeInput = Readonly<{
  /** How much of the episode is over, from 0 to 1. */
  progress: number;
  /** Depends on the input's number alone, so that leaving others out changes nothing here. */
  random: Random;
  /** To be delivered instead of the bytes that were made. */
  replacement: Uint8Array | undefined;
}>;

export type EpisodeTools = Readonly<{ random: Random; counts: Counts; meter: Meter }>;
