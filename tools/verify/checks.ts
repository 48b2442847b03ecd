import { spawn } from "node:child_process";
import { once } from "node:events";

/** Something that has to hold for the sources as they stand. The compiler has passed before any of these runs. */
type Check = Readonly<{ name: string; program: string; args: readonly string[] }>;

const baseline = "proto/baseline.binpb";

/** Each from node_modules/.bin, run in the project's root. */
const checks: readonly Check[] = [
  { name: "client compiles without Node's types", program: "tsc", args: ["-p", "clients/typescript"] },
  { name: "sources are formatted and pass the linter", program: "biome", args: ["check", "--error-on-warnings", "."] },
  { name: "no dead code, no undeclared dependency", program: "knip", args: ["--no-progress"] },
  { name: "contract passes the linter", program: "buf", args: ["lint"] },
  { name: "contract is formatted", program: "buf", args: ["format", "--diff", "--exit-code"] },
  { name: "contract breaks no older client", program: "buf", args: ["breaking", "--against", baseline] },
  { name: "generated code is up to date", program: "node", args: ["tools/generate.mjs", "--check"] },
];

type CheckResult = Readonly<{ kind: "passed" | "failed"; output: string; durationMs: number }>;

/** Runs one check to its end. Its output is whole, and empty or of no interest if it has passed. */
async function runCheck({ program, args }: Check, root: string): Promise<CheckResult> {
  const startMs = performance.now();
  const child =
    program === "node"
      ? spawn(process.execPath, [...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] })
      : spawn(`${root}/node_modules/.bin/${program}`, [...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const [code] = await once(child, "close");
  return { kind: code === 0 ? "passed" : "failed", output, durationMs: performance.now() - startMs };
}

/** Runs all checks, one line each, with the output of those that fail. Resolves with how many failed. */
export async function runChecks(root: string, write: (text: string) => void): Promise<number> {
  let failed = 0;
  for (const check of checks) {
    const { kind, output, durationMs } = await runCheck(check, root);
    const seconds = (durationMs / 1000).toFixed(1);
    write(`${kind === "passed" ? "✔" : "✖"} ${check.name} (${seconds} s)\n`);
    if (kind === "passed") continue;
    failed += 1;
    write(`\n${output.trimEnd()}\n\n  to repeat: npx ${[check.program, ...check.args].join(" ")}\n\n`);
  }
  return failed;
}
