import type { Scheduler } from "../engine/scheduler.js";
import type { Subscriber } from "./link.js";

/** Who of a gateway's sockets listens to what, as uWebSockets keeps it. */
export interface Topics {
  subscribe(topic: string, subscriber: Subscriber): void;
  unsubscribe(topic: string, subscriber: Subscriber): void;
  /** A socket has closed. */
  forget(subscriber: Subscriber): void;
  /** Subscribers get what one turn publishes as one batch, at its end. */
  publish(topic: string, message: Uint8Array): void;
  /** Subscriptions, for those who look for leaks. */
  readonly size: number;
}

export function createTopics(scheduler: Scheduler): Topics {
  const topics = new Map<string, Set<Subscriber>>();
  let waiting = new Set<Subscriber>();

  function flush() {
    const subscribers = waiting;
    waiting = new Set();
    for (const subscriber of subscribers) subscriber.flush();
  }

  function unsubscribe(topic: string, subscriber: Subscriber) {
    const subscribers = topics.get(topic);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) topics.delete(topic);
  }

  return {
    subscribe(topic, subscriber) {
      const subscribers = topics.get(topic) ?? new Set();
      topics.set(topic, subscribers.add(subscriber));
    },
    unsubscribe,
    forget(subscriber) {
      for (const topic of [...topics.keys()]) unsubscribe(topic, subscriber);
      waiting.delete(subscriber);
    },
    publish(topic, message) {
      for (const subscriber of topics.get(topic) ?? []) {
        subscriber.publish(message);
        if (waiting.size === 0) scheduler.after(0, flush);
        waiting.add(subscriber);
      }
    },
    get size() {
      let size = 0;
      for (const subscribers of topics.values()) size += subscribers.size;
      return size;
    },
  };
}
