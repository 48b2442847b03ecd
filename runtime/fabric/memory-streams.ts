import type { DeliveryStreams, GatewayId, StreamEntry } from "./fabric.js";

const done = Promise.resolve();

/**
 * Streams within one process. Entries are delivered in a microtask, so a publisher never runs a consumer's code, and
 * what is published in one turn is delivered in one go. An entry to a gateway without a consumer is dropped: that
 * gateway is gone, or catches up from the store when it comes.
 */
export function createMemoryStreams(): DeliveryStreams & { readonly size: number } {
  const consumers = new Map<GatewayId, Consumer>();
  let streams = 0;
  return {
    publish(gateway, payload) {
      consumers.get(gateway)?.push(payload);
      return done;
    },
    async consume(gateway, onEntry) {
      if (consumers.has(gateway)) throw new Error(`gateway ${gateway} has a consumer already`);
      const consumer = createConsumer(`${gateway}/${++streams}`, onEntry);
      consumers.set(gateway, consumer);
      return {
        async [Symbol.asyncDispose]() {
          consumer.end();
          if (consumers.get(gateway) === consumer) consumers.delete(gateway);
        },
      };
    },
    get size() {
      return consumers.size;
    },
  };
}

type Consumer = { push(payload: Uint8Array): void; end(): void };

function createConsumer(stream: string, onEntry: (entry: StreamEntry) => void): Consumer {
  let number = 0n;
  let waiting: StreamEntry[] = []; // no longer than what one turn of the event loop publishes
  let ended = false;
  const deliver = () => {
    const entries = waiting;
    waiting = [];
    for (const entry of entries) if (!ended) onEntry(entry);
  };
  return {
    push(payload) {
      number += 1n;
      if (waiting.push({ stream, number, payload }) === 1) queueMicrotask(deliver);
    },
    end() {
      ended = true;
    },
  };
}
