/**
 * The first schema. Ids are Snowflakes, unique across all tables. Tables that carry messages are shaped so that they can
 * be hash-partitioned by conversation_id later: their primary keys begin with it, and no unique index lacks it.
 */
export const theLog = {
  version: 1,
  name: "the log",
  sql: /* sql */ `
    create table store_identity (
      only_row   boolean primary key default true check (only_row),
      -- Renewed after any restore: devices that knew another one start over.
      store_id   uuid not null default gen_random_uuid(),
      created_at timestamptz not null default now()
    );
    insert into store_identity default values;

    -- Who may mint Snowflake ids with which node id.
    create table node_lease (
      node_id    smallint primary key check (node_id between 0 and 1023),
      owner      uuid not null,
      expires_at timestamptz not null
    );

    create table account (
      user_id       bigint primary key,
      -- Either a name and a password of our own, or an issuer and a subject of the operator's.
      name          text collate "C" unique,
      password_hash text,
      issuer        text,
      subject       text,
      display_name  text not null,
      avatar_url    text not null default '',
      created_at    timestamptz not null default now(),
      unique (issuer, subject),
      check ((name is null) = (password_hash is null)),
      check ((issuer is null) = (subject is null)),
      check ((name is null) <> (issuer is null))
    );

    create table refresh_token (
      token_hash bytea primary key,
      -- All tokens that descend from one login. Using one twice revokes the family.
      family     uuid not null,
      user_id    bigint not null references account,
      expires_at timestamptz not null,
      used_at    timestamptz
    );
    create index refresh_token_family on refresh_token (family);

    create table device (
      user_id        bigint not null references account,
      -- From 1. Number 0 stands for the API, through which a user sends without a device.
      device         smallint not null check (device >= 0),
      device_id      text collate "C" not null,
      platform       text not null default '',
      -- Raised by every login; what an older session has under way is refused.
      epoch          bigint not null default 0,
      -- The last client_id whose outcome is stored.
      last_client_id bigint not null default 0,
      last_login_at  timestamptz,
      primary key (user_id, device),
      unique (user_id, device_id)
    ) with (fillfactor = 70);

    create table conversation (
      conversation_id bigint primary key,
      -- ConversationKind: 1 direct, 2 group, 3 self.
      kind            smallint not null check (kind in (1, 2, 3)),
      title           text not null default '',
      -- The pair of a direct conversation.
      low_user_id     bigint,
      high_user_id    bigint,
      head_seq        bigint not null default 0,
      -- Countable messages up to head_seq.
      head_counter    bigint not null default 0,
      -- The seq of the latest change of members.
      roster_seq      bigint not null default 0,
      member_count    integer not null default 0,
      -- 1: delivered by user; 2: delivered by conversation.
      routing         smallint not null default 1 check (routing in (1, 2)),
      -- The transaction that last changed this row: what the heads watermark is compared with.
      changed         xid8 not null default pg_current_xact_id(),
      created_at      timestamptz not null default now(),
      unique (low_user_id, high_user_id),
      check ((kind = 1) = (low_user_id is not null)),
      check (low_user_id < high_user_id)
    ) with (fillfactor = 50);

    -- A membership is an interval of seqs. Who leaves and comes back has two.
    create table member (
      conversation_id bigint not null references conversation,
      user_id         bigint not null references account,
      from_seq        bigint not null,
      to_seq          bigint,
      -- Role: 1 owner, 2 member.
      role            smallint not null default 2,
      read_seq        bigint not null default 0,
      read_counter    bigint not null default 0,
      changed         xid8 not null default pg_current_xact_id(),
      primary key (conversation_id, user_id, from_seq),
      check (to_seq >= from_seq)
    ) with (fillfactor = 70);
    create unique index member_present on member (conversation_id, user_id) where to_seq is null;
    create index member_of_user on member (user_id, conversation_id);

    create table message (
      conversation_id bigint not null,
      seq             bigint not null,
      message_id      bigint not null,
      -- 0: the system.
      sender_id       bigint not null,
      device          smallint not null,
      client_id       bigint not null,
      counter         bigint not null,
      sent_at_ms      bigint not null,
      -- An encoded tidewire.v1.Content.
      content         bytea not null,
      primary key (conversation_id, seq)
    );
    -- Finds the result of a device's client_id again. Not unique: the device row's last_client_id is what forbids a second.
    create index message_of_device on message (sender_id, device, client_id);

    -- Outcomes of client_ids that were refused.
    create table refusal (
      user_id   bigint not null,
      device    smallint not null,
      client_id bigint not null,
      -- tidewire.v1.ErrorCode
      code      smallint not null,
      -- SHA-256 of the encoded UpMsg, or empty where the gateway refused it without passing it on.
      digest    bytea not null,
      primary key (user_id, device, client_id)
    );

    -- Outcomes of sends through the API.
    create table idempotency (
      user_id    bigint not null,
      key        text collate "C" not null,
      -- SHA-256 of target and content.
      digest     bytea not null,
      client_id  bigint not null,
      created_at timestamptz not null default now(),
      primary key (user_id, key)
    );
  `,
};
