import type { EmittedFile } from "../emitted-file.js";
import type { Contract } from "../model.js";
import { emitCloseCodes } from "./close-codes.js";
import { emitDispatch } from "./dispatch.js";
import { emitErrors } from "./errors.js";
import { emitLimits } from "./limits.js";
import { emitMethods } from "./methods.js";
import { header } from "./text.js";

/** The target for TypeScript: files that lie beside those of protoc-gen-es and import them. */
export function emitTypeScript(contract: Contract): EmittedFile[] {
  const texts = {
    "close-codes": emitCloseCodes(contract.closes),
    dispatch: emitDispatch(contract.clientFrames, contract.serverFrames),
    errors: emitErrors(contract.errors),
    limits: emitLimits(contract.limits, contract.messageLimits),
    methods: emitMethods(contract.methods),
  };
  return Object.entries(texts).map(([name, text]) => ({
    path: `${contract.folder}/${name}.ts`,
    text: `${header(contract.folder)}\n${text}`,
  }));
}
