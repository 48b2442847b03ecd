import { runChecks } from "./checks.js";

/** `npm run check`: exits with 1 if a check fails. */
const failed = await runChecks(process.cwd(), (text) => process.stdout.write(text));
process.exitCode = failed === 0 ? 0 : 1;
