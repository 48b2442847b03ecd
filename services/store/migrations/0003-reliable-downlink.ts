/**
 * What the reliable downlink needs: delivered marks, a phase between the two ways of delivery, and a way to find what was
 * stored lately.
 */
export const reliableDownlink = {
  version: 3,
  name: "reliable downlink",
  sql: /* sql */ `
    -- Up to where at least one of the user's devices holds the conversation. Not a change that heads report.
    alter table member add column delivered_seq bigint not null default 0;

    -- 1: delivered by user; 2: by conversation; 3: still by user, but on its way to 2, which it is from routing_until_ms on.
    alter table conversation
      add column routing_until_ms bigint,
      drop constraint conversation_routing_check,
      add constraint conversation_routing_check check (routing in (1, 2) or routing = 3 and routing_until_ms is not null);

    -- Ids rise with time and rows are stored as they come, so a summary of each stretch of the table is enough to find the
    -- recent ones; unlike a tree it costs an append nothing.
    create index message_by_id on message using brin (message_id) with (pages_per_range = 32);

    -- As in version 2, but that it ends the phase of routing 3 when its time is over.
    create or replace function tidewire_append(
      -- The devices of the batch, each once.
      sender_user_ids bigint[], sender_devices integer[], sender_epochs bigint[],
      -- The rows, in order: index into the devices from 1; 0 as conversation_id for none; 0 as refusal for none.
      row_senders integer[], client_ids bigint[], conversation_ids bigint[], message_ids bigint[],
      refusals integer[], countables boolean[],
      -- Each row's content is a stretch of contents, at offset (from 0) and length, in bytes.
      content_offsets integer[], content_lengths integer[], contents bytea,
      -- Each row's SHA-256 of what the device sent, one after the other; 32 zero bytes where it is not known.
      digests bytea,
      now_ms bigint
    ) returns table (
      outcome integer, code integer, conversation_id bigint, seq bigint, message_id bigint, sent_at_ms bigint,
      counter bigint, kind integer, routing integer, roster_seq bigint
    )
    language plpgsql volatile
    -- The plan is made when the tables are empty and may be kept while they grow, for ever on the embedded database. So nothing
    -- is left to statistics: every table is met through lateral lookups of one row, or by the ctid that such a lookup found.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
    set enable_material = off
    set jit = off
    as $$
    #variable_conflict use_column
    begin
      -- Logins take the same lock, so epoch and last_client_id stand still from here on.
      perform
      from (
        select distinct user_id, device
        from unnest(sender_user_ids, sender_devices) as s (user_id, device)
        order by user_id, device
      ) as s
      cross join lateral (
        select from device d where d.user_id = s.user_id and d.device = s.device for no key update
      ) as locked;

      -- Changes of members take the same lock, so memberships, heads and routing stand still from here on.
      perform
      from (select distinct id from unnest(conversation_ids) as u (id) order by id) as u
      cross join lateral (
        select from conversation c where c.conversation_id = u.id for no key update
      ) as locked;

      return query
      -- One pass over the rows, without joining them to themselves.
      with input as (
        select
          r.ordinal, r.client_id, nullif(r.conversation_id, 0) as conversation_id, r.message_id, r.refusal, r.countable,
          r.content_offset, r.content_length,
          nullif(substr(digests, (r.ordinal::integer - 1) * 32 + 1, 32), decode(repeat('00', 32), 'hex')) as digest,
          sender_user_ids[r.sender] as user_id, sender_devices[r.sender] as device,
          d.last_client_id, d.ctid as device_row,
          case
            when d.epoch is distinct from sender_epochs[r.sender] then 1 -- fenced
            when r.client_id between 1 and d.last_client_id then 2       -- repeated
            else 3                                                       -- new
          end as standing
        from unnest(
          row_senders, client_ids, conversation_ids, message_ids, refusals, countables, content_offsets, content_lengths
        ) with ordinality as r (
          sender, client_id, conversation_id, message_id, refusal, countable, content_offset, content_length, ordinal
        )
        left join lateral (
          select e.ctid, e.epoch, e.last_client_id from device e
          where e.user_id = sender_user_ids[r.sender] and e.device = sender_devices[r.sender]
          limit 1
        ) as d on true
      ),
      ranked as (
        select *, row_number() over (partition by user_id, device, standing order by ordinal) as rank
        from input
      ),
      ordered as (
        select
          *,
          -- True while this and all earlier new rows of the device follow upon one another.
          bool_and(client_id = last_client_id + rank) over (
            partition by user_id, device, standing order by ordinal rows unbounded preceding
          ) as in_order
        from ranked
      ),
      judged as (
        select
          o.*, c.ctid as conversation_row, c.head_seq, c.head_counter, c.kind, c.roster_seq,
          case when c.routing = 3 and c.routing_until_ms <= now_ms then 2 else c.routing end as routing,
          m.conversation_id as earlier_conversation_id, m.seq as earlier_seq, m.message_id as earlier_message_id,
          m.sent_at_ms as earlier_sent_at_ms, m.counter as earlier_counter,
          case
            when o.standing = 1 then 5
            when o.standing = 2 and m.seq is not null then case
              when o.digest is null then 3
              when m.conversation_id = o.conversation_id
                and m.content = substr(contents, o.content_offset + 1, o.content_length) then 3
              else 7
            end
            when o.standing = 2 then case when o.digest <> nullif(f.digest, '') then 7 else 4 end
            when not o.in_order then 6
            when o.refusal <> 0 or presence.present is not true then 2
            else 1
          end as outcome,
          case
            when o.standing = 2 then coalesce(f.code, 68) -- EXPIRED: so old that its result is no longer kept
            when o.refusal <> 0 then o.refusal
            when presence.present is null then 63 -- UNKNOWN_CONVERSATION
            when not presence.present then 64     -- NOT_A_MEMBER
          end as code
        from ordered o
        left join lateral (
          select e.* from message e
          where o.standing = 2 and e.sender_id = o.user_id and e.device = o.device and e.client_id = o.client_id
          limit 1
        ) as m on true
        left join lateral (
          select e.code, e.digest from refusal e
          where o.standing = 2 and e.user_id = o.user_id and e.device = o.device and e.client_id = o.client_id
          limit 1
        ) as f on true
        left join lateral (
          select e.ctid, e.* from conversation e
          where e.conversation_id = coalesce(m.conversation_id, o.conversation_id)
          limit 1
        ) as c on true
        cross join lateral (
          -- Null for who has never been a member.
          select bool_or(e.to_seq is null) as present from member e
          where o.standing = 3 and e.conversation_id = o.conversation_id and e.user_id = o.user_id
        ) as presence
      ),
      numbered as (
        select
          *,
          head_seq + row_number() over log as new_seq,
          head_counter + count(*) filter (where countable) over log as new_counter
        from judged
        window log as (partition by outcome, conversation_id order by ordinal rows unbounded preceding)
      ),
      stored_messages as (
        insert into message (
          conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content
        )
        select
          n.conversation_id, n.new_seq, n.message_id, n.user_id, n.device, n.client_id, n.new_counter, now_ms,
          substr(contents, n.content_offset + 1, n.content_length)
        from numbered n
        where n.outcome = 1
      ),
      stored_refusals as (
        insert into refusal (user_id, device, client_id, code, digest)
        select n.user_id, n.device, n.client_id, n.code, coalesce(n.digest, '')
        from numbered n
        where n.outcome = 2
      ),
      advanced_devices as (
        update device d
        set last_client_id = d.last_client_id + used.count
        from (
          select n.device_row, count(*) as count
          from numbered n
          where n.outcome in (1, 2)
          group by n.device_row
        ) as used
        where d.ctid = used.device_row
      ),
      advanced_conversations as (
        update conversation c
        set head_seq = c.head_seq + grown.entries,
            head_counter = c.head_counter + grown.countables,
            -- Stored, so that no clock that runs behind ever brings the phase back.
            routing = grown.routing,
            changed = pg_current_xact_id()
        from (
          select
            n.conversation_row, n.routing, count(*) as entries, count(*) filter (where n.countable) as countables
          from numbered n
          where n.outcome = 1
          group by n.conversation_row, n.routing
        ) as grown
        where c.ctid = grown.conversation_row
      )
      select
        n.outcome, n.code,
        case when n.outcome = 1 then n.conversation_id else n.earlier_conversation_id end,
        case when n.outcome = 1 then n.new_seq else n.earlier_seq end,
        case when n.outcome = 1 then n.message_id else n.earlier_message_id end,
        case when n.outcome = 1 then now_ms else n.earlier_sent_at_ms end,
        case when n.outcome = 1 then n.new_counter else n.earlier_counter end,
        n.kind::integer, n.routing::integer, n.roster_seq
      from numbered n
      order by n.ordinal;
    end
    $$;
  `,
};
