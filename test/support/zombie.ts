import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

/** A process that has ended and that nobody has waited for: its number is taken, and signals to it succeed. */
export interface Zombie extends AsyncDisposable {
  readonly pid: number;
  /** In clock ticks since boot: field 22 of proc(5) stat. */
  readonly startedAt: string;
}

export async function createZombie(): Promise<Zombie> {
  // The shell becomes a program that waits for no child.
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(parent.stdout, "data");
  const pid = Number(String(line));
  for (;;) {
    const [, rest = ""] = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ");
    const [state, ...fields] = rest.split(" ");
    if (state !== "Z") continue;
    return {
      pid,
      startedAt: fields[18] ?? "",
      async [Symbol.asyncDispose]() {
        parent.kill();
        await once(parent, "exit");
      },
    };
  }
}
