import type { CallOptions, Client } from "@connectrpc/connect";
import type { AccountService } from "../gen/ts/tidewire/v1/account_pb.js";
import type { ConversationService } from "../gen/ts/tidewire/v1/conversation_pb.js";
import type { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../runtime/clock.js";
import type { Logger } from "../runtime/log.js";
import type { Metrics } from "../runtime/metrics.js";
import type { Downlink } from "./downlink/downlink.js";
import type { FrameLimits } from "./frames/frames.js";
import type { Hub } from "./hub/hub.js";
import type { DeliveredMarks } from "./marks/delivered-marks.js";
import type { Now, SessionRules } from "./session/state.js";
import type { Strangers } from "./strangers.js";
import type { Timers } from "./timers/timers.js";
import type { Lanes } from "./uplink/lanes.js";
import type { UserRates } from "./user-rates.js";

/** What the connections of one gateway share. */
export interface GatewayContext {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly rules: SessionRules & Readonly<{ frames: FrameLimits }>;
  readonly timers: Timers;
  readonly hub: Hub;
  readonly downlink: Pick<Downlink, "acknowledge" | "forget" | "hasJustPushed">;
  readonly delivered: DeliveredMarks;
  readonly lanes: Lanes;
  readonly rates: UserRates;
  readonly strangers: Strangers;
  readonly accounts: Client<typeof AccountService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly messages: Client<typeof MessageService>;
  now(): Now;
  /** The deadline of a call to a service, fresh for each. */
  call(): CallOptions;
}
