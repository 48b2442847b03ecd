import type { Interceptor } from "@connectrpc/connect";
import { ErrorCode } from "../gen/ts/tidewire/v1/error_pb.js";
import { checkFieldLimits } from "../gen/ts/tidewire/v1/limits.js";
import { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import { TidewireError } from "../runtime/error.js";

/**
 * Refuses requests with a field that is larger than the contract allows, with `INVALID_ARGUMENT` and the field's name.
 * SubmitBatch judges each of its submissions by itself: one that is too large must not hold up the others.
 */
export const checkLimits: Interceptor = (next) => async (request) => {
  if (!request.stream && request.method !== MessageService.method.submitBatch) {
    const field = checkFieldLimits(request.method.input, request.message);
    if (field !== undefined) {
      throw new TidewireError(ErrorCode.INVALID_ARGUMENT, `${field}: larger than the contract allows`);
    }
  }
  return await next(request);
};
