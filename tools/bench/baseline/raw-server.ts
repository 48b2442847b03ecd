import uWS from "uWebSockets.js";
import { serveCalls } from "../stage/calls.js";
import type { RawServerCalls } from "./raw-server-calls.js";

/**
 * The baseline: uWebSockets as it comes, with one topic that everybody listens to. It sets the mark that the gateway is
 * measured against, so it does nothing else.
 */
let published: readonly Uint8Array[] = [];
const app = uWS.App();
const plain = {
  maxBackpressure: 64 * 1024 * 1024,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  compression: uWS.DISABLED,
};
// Sockets that are only there.
app.ws("/bare", plain);
app.ws("/", {
  ...plain,
  open: (ws) => void ws.subscribe("all"),
  message() {
    for (const message of published) app.publish("all", message, true);
  },
});

const calls: RawServerCalls = {
  listen: () =>
    new Promise((resolve, reject) => {
      app.listen("127.0.0.1", 0, (listening) => {
        if (listening) resolve(uWS.us_socket_local_port(listening));
        else reject(new Error("the raw server cannot listen"));
      });
    }),
  async load({ messages }) {
    published = messages;
  },
};

serveCalls(calls);
