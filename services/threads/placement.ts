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
}>;

/** Estimates: the break-even has not been measured yet. */
export const defaultPlacement: PlacementLimits = { batchMinBytes: 4_096, hereMax: 2 };

const pathOf = ({ name }: { name: string }) => `/${MessageService.typeName}/${name}`;
const { submitBatch, sync, heads, headsOf } = MessageService.method;
const submitPath = pathOf(submitBatch);
const readPaths: ReadonlySet<string> = new Set([sync, heads, headsOf].map(pathOf));

/**
 * At rest everything is done here: handing over costs two wake-ups. A large batch is handed over whenever there is one. How large
 * a page will be, nobody knows beforehand; but if others are being read already, the event loop has enough to do.
 */
export function createPlacement({ batchMinBytes, hereMax }: PlacementLimits): Placement {
  let here = 0;

  function choose(path: string, bodyBytes: number): Place {
    if (path === submitPath) return bodyBytes >= batchMinBytes ? "thread" : "here";
    return here >= hereMax ? "thread" : "here";
  }

  return {
    places: (path) => path === submitPath || readPaths.has(path),
    begin(path, bodyBytes) {
      const place = choose(path, bodyBytes);
      if (place === "here") here++;
      return place;
    },
    end(place) {
      if (place === "here") here--;
    },
  };
}
