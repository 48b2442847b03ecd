import type { Interceptor, ServiceImpl } from "@connectrpc/connect";
import { AccountService } from "../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../gen/ts/tidewire/v1/conversation_pb.js";
import { GroupService } from "../gen/ts/tidewire/v1/group_pb.js";
import { MessageService } from "../gen/ts/tidewire/v1/message_pb.js";
import type { ServiceRegistry } from "../runtime/local-transport.js";

/** Bounds what hostile bytes can cost, as `decode` does for frames. */
const recursionLimit = 8;
const binaryOptions = { readUnknownFields: false, recursionLimit };
const jsonOptions = { recursionLimit };

/** The handlers of all services, and what every call passes on its way to them. */
export type Services = Readonly<{
  account: ServiceImpl<typeof AccountService>;
  conversation: ServiceImpl<typeof ConversationService>;
  group: ServiceImpl<typeof GroupService>;
  message: ServiceImpl<typeof MessageService>;
  /** The outermost first. */
  interceptors: Interceptor[];
}>;

/** Bounds that every call keeps to. */
const callOptions = { binaryOptions, jsonOptions };

/** Registers all services. For calls from this thread, from others, and over a network alike. */
export function registerServices(registry: ServiceRegistry, services: Services): void {
  const options = { interceptors: services.interceptors, ...callOptions };
  registry
    .service(AccountService, services.account, options)
    .service(ConversationService, services.conversation, options)
    .service(GroupService, services.group, options)
    .service(MessageService, services.message, options);
}

/** Registers what works on messages, for a thread that does nothing else. */
export function registerMessages(
  registry: ServiceRegistry,
  message: ServiceImpl<typeof MessageService>,
  interceptors: Interceptor[],
): void {
  registry.service(MessageService, message, { interceptors, ...callOptions });
}
