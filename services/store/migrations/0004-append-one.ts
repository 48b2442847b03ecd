/**
 * What `tidewire_append` does, for the batch that is the most usual one at rest: one row, which is new and may be stored. A statement that is
 * ready for everything has some fifty parts to set up each time, which costs more than the rest of it; here are six small ones.
 * Whatever is not plain is left to `tidewire_append`, so that every other outcome is decided in one place.
 */
export const appendOne = {
  version: 4,
  name: "append one",
  sql: /* sql */ `
    create function tidewire_append_one(
      sender_user_id bigint, sender_device integer, sender_epoch bigint,
      new_client_id bigint, to_conversation_id bigint, new_message_id bigint, is_countable boolean, new_content bytea,
      -- SHA-256 of what the device sent; 32 zero bytes where it is not known.
      digest bytea,
      now_ms bigint
    ) returns table (
      outcome integer, code integer, conversation_id bigint, seq bigint, message_id bigint, sent_at_ms bigint,
      counter bigint, kind integer, routing integer, roster_seq bigint
    )
    language plpgsql volatile
    -- As for tidewire_append: the plans are made when the tables are empty.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    as $$
    #variable_conflict use_column
    declare
      log record;
    begin
      -- The same locks in the same order: the device, then the conversation. Only what is read after them counts; a row that had to be
      -- waited for is looked at again as it is then.
      perform from device d
      where d.user_id = sender_user_id and d.device = sender_device
        and d.epoch = sender_epoch and d.last_client_id = new_client_id - 1
      for no key update;
      if found then
        perform from conversation c where c.conversation_id = to_conversation_id for no key update;
      end if;
      if found then
        perform from member m
        where m.conversation_id = to_conversation_id and m.user_id = sender_user_id and m.to_seq is null;
      end if;
      if not found then
        return query select * from tidewire_append(
          array[sender_user_id], array[sender_device], array[sender_epoch],
          array[1], array[new_client_id], array[to_conversation_id], array[new_message_id],
          array[0], array[is_countable], array[0], array[length(new_content)], new_content, digest, now_ms
        );
        return;
      end if;

      update conversation c
      set head_seq = c.head_seq + 1,
          head_counter = c.head_counter + case when is_countable then 1 else 0 end,
          routing = case when c.routing = 3 and c.routing_until_ms <= now_ms then 2 else c.routing end,
          changed = pg_current_xact_id()
      where c.conversation_id = to_conversation_id
      returning c.head_seq, c.head_counter, c.kind, c.routing, c.roster_seq into log;

      insert into message (
        conversation_id, seq, message_id, sender_id, device, client_id, counter, sent_at_ms, content
      ) values (
        to_conversation_id, log.head_seq, new_message_id, sender_user_id, sender_device, new_client_id, log.head_counter,
        now_ms, new_content
      );

      update device d
      set last_client_id = new_client_id
      where d.user_id = sender_user_id and d.device = sender_device;

      return query select
        1, null::integer, to_conversation_id, log.head_seq, new_message_id, now_ms,
        log.head_counter, log.kind::integer, log.routing::integer, log.roster_seq;
    end
    $$;
  `,
};
