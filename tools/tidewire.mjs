#!/usr/bin/env node
/** `npx tidewire …` in a clone: the same as `node tools/bootstrap.mjs tidewire …`. */
process.argv.splice(2, 0, "tidewire");
await import("./bootstrap.mjs");
