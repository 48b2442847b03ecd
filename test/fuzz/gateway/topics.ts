/** Who listens to what is published. */
export interface Topics {
  subscribe(topic: string, listener: Listener): void;
  unsubscribe(topic: string, listener: Listener): void;
  /** It has closed. */
  forget(listener: Listener): void;
  publish(topic: string, message: Uint8Array): void;
  /** Topics that somebody listens to. */
  readonly size: number;
}

interface Listener {
  published(message: Uint8Array): void;
}

export function createTopics(): Topics {
  const topics = new Map<string, Set<Listener>>();

  function unsubscribe(topic: string, listener: Listener) {
    const listeners = topics.get(topic);
    listeners?.delete(listener);
    if (listeners?.size === 0) topics.delete(topic);
  }

  return {
    subscribe(topic, listener) {
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners.add(listener));
    },
    unsubscribe,
    forget(listener) {
      for (const topic of [...topics.keys()]) unsubscribe(topic, listener);
    },
    publish(topic, message) {
      for (const listener of [...(topics.get(topic) ?? [])]) listener.published(message);
    },
    get size() {
      return topics.size;
    },
  };
}
