import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";

/** Where a call is done. */
export type Place = "here" | "thread";

/** Decides for each call, by its path, whether handing it over is worth what that costs. Pure but for what it counts. */
export interface Placement {
  /** Whether there is anything to decide. What is not placed is done here. */
  places(path: string): boolean;
  /** To be called as a call begins; `end` has to follow. */
  begin(path: string, bodyBytes: number): Place;
  end(place: Place): void;
}

export type PlacementLimits = Readonly<{
  /** A batch of this size or more is handed over, in bytes. */
  batchMinBytes: number;
  /** A page is read here while fewer calls than this are under way here. */
  hereMax: number;
  /** Nothing is handed over while as many calls as this are under way there. */
  threadMax: number;
}>;

/**
 * Found with the benchmark `storm`, where a thread takes from a shared processor what it does: docs/benchmarks.md. A batch that is
 * handed over waits behind pages, so that handing over those of 4 KiB made live messages six times as late; and a thread that is given more
 * than it can do lets reads run into their deadline.
 */
export const defaultPlacement: PlacementLimits = { batchMinBytes: 65_536, hereMax: 2, threadMax: 40 };

const pathOf = ({ name }: { name: string }) => `/${MessageService.typeName}/${name}`;
const { submitBatch, sync, heads, headsOf } = MessageService.method;
const submitPath = pathOf(submitBatch);
const readPaths: ReadonlySet<string> = new Set([sync, heads, headsOf].map(pathOf));

/**
 * At rest everything is done here: handing over costs two wake-ups. A large batch is handed over whenever there is one. How large
 * a page will be, nobody knows beforehand; but if others are being read already, the event loop has enough to do. What the threads
 * have no time for is done here after all.
 */
export function createPlacement({ batchMinBytes, hereMax, threadMax }: PlacementLimits): Placement {
  const underWay = { here: 0, thread: 0 };

  function choose(path: string, bodyBytes: number): Place {
    if (underWay.thread >= threadMax) return "here";
    const isWorthIt = path === submitPath ? bodyBytes >= batchMinBytes : underWay.here >= hereMax;
    return isWorthIt ? "thread" : "here";
  }

  return {
    places: (path) => path === submitPath || readPaths.has(path),
    begin(path, bodyBytes) {
      const place = choose(path, bodyBytes);
      underWay[place]++;
      return place;
    },
    end(place) {
      underWay[place]--;
    },
  };
}
