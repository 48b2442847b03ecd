import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Progress goes to standard error: the output of `npx tidewire …` belongs to the program. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Ends the process with a message that says what to do. */
export function fail(message) {
  say(`\n${message}\n`);
  process.exit(1);
}

/**
 * Runs a program to its end and resolves with its exit code and all it has written. Calls `tick` with the seconds passed
 * every 2 s. A signal that ends this process ends the program too.
 */
export function run(program, args, { env = process.env, tick = () => {} } = {}) {
  return new Promise((resolve) => {
    const startMs = Date.now();
    const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setInterval(() => tick(Math.round((Date.now() - startMs) / 1000)), 2000);
    const stop = (signal, number) => {
      child.kill(signal);
      process.exit(128 + number);
    };
    const onInterrupt = () => stop("SIGINT", 2);
    const onTerminate = () => stop("SIGTERM", 15);
    process.once("SIGINT", onInterrupt);
    process.once("SIGTERM", onTerminate);
    let output = "";
    const settle = (code) => {
      clearInterval(timer);
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      resolve({ code, output });
    };
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => {
      output += `${error.message}\n`;
      settle(127);
    });
    child.on("close", settle);
  });
}
