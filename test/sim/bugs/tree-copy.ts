import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { applyChange, type FileChange } from "./patch.js";

/** A copy of the project that can be built, and spoilt. */
export interface TreeCopy extends AsyncDisposable {
  readonly folder: string;
  /** Compiles it into its `dist`. */
  build(signal: AbortSignal): Promise<Built>;
  /** Makes changes, all or none. */
  apply(changes: readonly FileChange[]): Promise<{ kind: "applied" } | { kind: "misfit"; why: string }>;
  /** Takes back what `apply` has done. */
  restore(): Promise<void>;
}

export type Built = { kind: "built" } | { kind: "broken"; output: string };

/** What a copy does not need, or has of its own. */
const leftOut = /^(node_modules|dist|\.dist-.*|\.git|\.build|data|.*\.tsbuildinfo)$/;

/** The client as a package of its own: a workspace, which the installed packages link to. */
const client = { name: "tidewire-client", path: "clients/typescript" };

export async function copyTree(root: string): Promise<TreeCopy> {
  const folder = await mkdtemp(join(tmpdir(), "tidewire-bugs-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await cp(root, folder, { recursive: true, filter: (path) => path === root || !leftOut.test(basename(path)) });
    await linkPackages(root, folder);
  } catch (error) {
    await remove();
    throw error;
  }
  /** Sources as they were, by path. */
  const originals = new Map<string, string>();

  return {
    folder,
    async build(signal) {
      // What has not changed since the last build is not compiled again.
      const whole = ["-p", ".", "--outDir", "dist", "--incremental", "--tsBuildInfoFile", ".tsbuildinfo"];
      for (const args of [whole, ["-p", `${client.path}/tsconfig.build.json`]]) {
        const output = await compile(folder, args, signal);
        if (output !== undefined) return { kind: "broken", output };
      }
      return { kind: "built" };
    },
    async apply(changes) {
      const changed = new Map<string, string>();
      for (const change of changes) {
        const source = await readFile(join(folder, change.path), "utf8").catch(() => undefined);
        if (source === undefined) return { kind: "misfit", why: `there is no ${change.path}` };
        const applied = applyChange(source, change);
        if (applied.kind === "misfit") return applied;
        originals.set(change.path, source);
        changed.set(change.path, applied.text);
      }
      for (const [path, text] of changed) await writeFile(join(folder, path), text);
      return { kind: "applied" };
    },
    async restore() {
      for (const [path, text] of originals) await writeFile(join(folder, path), text);
      originals.clear();
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** All installed packages as they are, but for the workspace, which has to be that of the copy. */
async function linkPackages(root: string, folder: string): Promise<void> {
  await mkdir(join(folder, "node_modules"));
  for (const name of await readdir(join(root, "node_modules"))) {
    const target = name === client.name ? join(folder, client.path) : join(root, "node_modules", name);
    await symlink(target, join(folder, "node_modules", name));
  }
}

/** @returns what the compiler says if it finds anything wrong. */
async function compile(folder: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  const child = spawn(process.execPath, [compiler, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  return code === 0 ? undefined : output.trimEnd();
}
