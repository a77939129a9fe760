// Made from single.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const SINGLE_SQL = `-- What most calls are, at half of the price: one subject and one policy that admits the call, where the row holds that
-- counter alone, its policy and the clock are as they were, and its expiry need not move. Whatever else it is, the
-- limiter decides.
--
-- PostgreSQL prepares each expression of a function anew for each transaction, which costs more than what is computed:
-- so here all is one statement. The planner computes with the arguments before it looks at any row, so the caller sees
-- to it that quota, cost and burst are at least 1, cost is at most burst, and quota x window_ms is at most 2^52 (but for a
-- fixed window): else a product could be out of range.
--
-- The arithmetic is that of limiter.sql, where the numbers of a counter are explained, too: t.counters[3] to [7] are
-- kept_until, windowMs, at, used and rest.

CREATE OR REPLACE FUNCTION :single(
  key text, id bigint, algorithm bigint, quota bigint, window_ms bigint, cost bigint, burst bigint, block_ms bigint,
  enforced bigint, patience integer
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $limiter$
DECLARE
  setting text;
  now_ms bigint;
  this_window bigint;
  reply bigint[];
BEGIN
  setting := set_config('lock_timeout', patience::text, true) || set_config('synchronous_commit', 'off', true)
    || (pg_advisory_xact_lock(hashtextextended(key, :seed)) IS NULL);
  now_ms := floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000);

  IF algorithm = 1 THEN
    this_window := now_ms / window_ms;
    UPDATE :table t SET counters = ARRAY[
      id, 7, (this_window + 1) * window_ms, window_ms, this_window,
      CASE WHEN t.counters[5] = this_window THEN t.counters[6] ELSE 0 END + cost,
      0
    ]
    WHERE t.subject = key AND t.expires_ms >= (this_window + 1) * window_ms + 1000 AND CASE
      WHEN cardinality(t.counters) = 7 AND t.counters[1] = id AND t.counters[4] = window_ms
        AND t.counters[5] <= this_window AND t.counters[7] = 0
      THEN CASE WHEN t.counters[5] = this_window THEN t.counters[6] ELSE 0 END <= quota - cost
      ELSE false
    END
    RETURNING ARRAY[now_ms, quota - t.counters[6], t.counters[3] - now_ms, 0, t.counters[3] - now_ms] INTO reply;
  ELSIF algorithm = 2 THEN
    this_window := now_ms / window_ms;
    UPDATE :table t SET counters = ARRAY[
      id, 7, (this_window + 2) * window_ms, window_ms, this_window,
      CASE WHEN t.counters[5] = this_window THEN t.counters[6] ELSE 0 END + cost,
      CASE t.counters[5] WHEN this_window THEN t.counters[7] WHEN this_window - 1 THEN t.counters[6] ELSE 0 END
    ]
    WHERE t.subject = key AND t.expires_ms >= (this_window + 2) * window_ms + 1000 AND CASE
      WHEN cardinality(t.counters) = 7 AND t.counters[1] = id AND t.counters[4] = window_ms
        AND t.counters[5] <= this_window AND greatest(t.counters[6], t.counters[7]) <= quota
      THEN CASE t.counters[5] WHEN this_window THEN t.counters[7] WHEN this_window - 1 THEN t.counters[6] ELSE 0 END
          * ((this_window + 1) * window_ms - now_ms)
        <= (quota - cost - CASE WHEN t.counters[5] = this_window THEN t.counters[6] ELSE 0 END) * window_ms
      ELSE false
    END
    RETURNING ARRAY[
      now_ms,
      quota - t.counters[6] - (t.counters[7] * ((this_window + 1) * window_ms - now_ms) + window_ms - 1) / window_ms,
      t.counters[3] - now_ms,
      0,
      -- A unit less is to count: of the window before, or, where nothing of that does, of this one.
      t.counters[3] - now_ms - CASE
        WHEN t.counters[7] = 0 THEN ((t.counters[6] - 1) * window_ms) / t.counters[6]
        ELSE window_ms
          + ((t.counters[7] * ((this_window + 1) * window_ms - now_ms) - 1) / window_ms * window_ms) / t.counters[7]
      END
    ] INTO reply;
  ELSE
    -- Until kept_until a bucket owes something, and the product of time and rate is less than what it owed.
    UPDATE :table t SET counters = ARRAY[
      id, 7,
      now_ms + (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * quota ELSE 0 END
        + cost * window_ms + quota - 1) / quota,
      window_ms, now_ms,
      CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * quota ELSE 0 END
        + cost * window_ms,
      quota
    ]
    WHERE t.subject = key AND CASE
      WHEN cardinality(t.counters) = 7 AND t.counters[1] = id AND t.counters[4] = window_ms AND t.counters[7] = quota
        AND t.counters[5] <= now_ms
      THEN CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * quota ELSE 0 END
          <= (burst - cost) * window_ms
        AND (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * quota ELSE 0 END
          + cost * window_ms + quota - 1) / quota <= t.expires_ms - now_ms - 1000
      ELSE false
    END
    RETURNING ARRAY[
      now_ms, burst - (t.counters[6] + window_ms - 1) / window_ms, t.counters[3] - now_ms, 0,
      ((t.counters[6] - 1) % window_ms + quota) / quota
    ] INTO reply;
  END IF;
  IF reply IS NULL THEN
    reply := :limiter(
      0, ARRAY[key], ARRAY[1, id, algorithm, quota, window_ms, cost, burst, block_ms, enforced, -1, 0], '{}', -1, patience
    );
  END IF;
  RETURN reply;
END
$limiter$;
`;
