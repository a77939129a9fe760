// Made from many.sql by scripts/embed-scripts.mjs: edit that, then run `npm run embed`.

export const MANY_SQL = `-- What most calls are, many at once: each of one subject and one policy that admits it, where the row holds that counter
-- alone, its policy and the clock are as they were, and its expiry need not move. Whatever else it is, the limiter
-- decides.
--
-- PostgreSQL prepares each expression of a function anew for each transaction, and each statement whenever it is run,
-- which costs more than what is computed: so here all calls of one algorithm are one statement.
--
--   keys     the subjects; of calls of the same one, all but the first are decided by the limiter
--   ...      of each call what limiter.sql tells, in arrays; \`enforced\` is 0 for a shadow policy
--   patience how long to wait for a row that somebody else has locked, ms
--
-- Returns five numbers for each call: now (ms), remaining, resetAfterMs, retryAfterMs and nextUnitAfterMs. All are NULL
-- where another transaction decides on the subject: this one does not wait for it, so those that wait for each other
-- are never many, and none waits because of another's key.
--
-- The planner computes with the arguments before it looks at any row, so the caller sees to it that quota, cost and
-- burst are at least 1, cost is at most burst, and quota x window_ms is at most 2^52 (but for a fixed window): else a
-- product could be out of range. The arithmetic is that of limiter.sql, where the numbers of a counter are explained,
-- too: t.counters[3] to [7] are kept_until, windowMs, at, used and rest.

CREATE OR REPLACE FUNCTION :many(
  keys text[], ids bigint[], algorithms bigint[], quotas bigint[], windows bigint[], costs bigint[], bursts bigint[],
  blocks bigint[], enforced bigint[], patience integer
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $limiter$
DECLARE
  total CONSTANT integer := cardinality(keys);
  setting text;
  -- What is tried at once: nothing of a subject that is in other hands, and the first call of any other.
  free text[] := keys;
  others text[] := '{}';
  reply bigint[] := array_fill(NULL::bigint, ARRAY[5 * total]);
  now_ms bigint;
  spot bigint;
  told bigint[];
BEGIN
  setting := set_config('lock_timeout', patience::text, true) || set_config('synchronous_commit', 'off', true);
  FOR index IN 1 .. total LOOP
    IF keys[index] = ANY (keys[: index - 1]) THEN
      free[index] := NULL;
    ELSIF NOT pg_try_advisory_xact_lock(hashtextextended(keys[index], :seed)) THEN
      free[index] := NULL;
      others := others || keys[index];
    END IF;
  END LOOP;
  now_ms := floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000);

  IF 1 = ANY (algorithms) THEN
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7, (now_ms / c.window_ms + 1) * c.window_ms, c.window_ms, now_ms / c.window_ms,
        CASE WHEN t.counters[5] = now_ms / c.window_ms THEN t.counters[6] ELSE 0 END + c.cost,
        0
      ]
      FROM unnest(free, ids, algorithms, quotas, windows, costs)
        WITH ORDINALITY c (key, id, algorithm, quota, window_ms, cost, place)
      WHERE t.subject = c.key AND c.algorithm = 1
        AND t.expires_ms >= (now_ms / c.window_ms + 1) * c.window_ms + 1000 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[5] <= now_ms / c.window_ms
        THEN CASE WHEN t.counters[5] = now_ms / c.window_ms THEN t.counters[6] ELSE 0 END <= c.quota - c.cost
        ELSE false
      END
      RETURNING c.place, ARRAY[now_ms, c.quota - t.counters[6], t.counters[3] - now_ms, 0, t.counters[3] - now_ms]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  IF 2 = ANY (algorithms) THEN
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7, (c.this_window + 2) * c.window_ms, c.window_ms, c.this_window,
        CASE WHEN t.counters[5] = c.this_window THEN t.counters[6] ELSE 0 END + c.cost,
        CASE t.counters[5] WHEN c.this_window THEN t.counters[7] WHEN c.this_window - 1 THEN t.counters[6] ELSE 0 END
      ]
      FROM (
        SELECT u.*, now_ms / u.window_ms AS this_window
        FROM unnest(free, ids, algorithms, quotas, windows, costs)
          WITH ORDINALITY u (key, id, algorithm, quota, window_ms, cost, place)
        OFFSET 0
      ) c
      WHERE t.subject = c.key AND c.algorithm = 2
        AND t.expires_ms >= (c.this_window + 2) * c.window_ms + 1000 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[5] <= c.this_window AND greatest(t.counters[6], t.counters[7]) <= c.quota
        THEN CASE t.counters[5] WHEN c.this_window THEN t.counters[7] WHEN c.this_window - 1 THEN t.counters[6] ELSE 0 END
            * ((c.this_window + 1) * c.window_ms - now_ms)
          <= (c.quota - c.cost - CASE WHEN t.counters[5] = c.this_window THEN t.counters[6] ELSE 0 END) * c.window_ms
        ELSE false
      END
      RETURNING c.place, ARRAY[
        now_ms,
        c.quota - t.counters[6]
          - (t.counters[7] * ((c.this_window + 1) * c.window_ms - now_ms) + c.window_ms - 1) / c.window_ms,
        t.counters[3] - now_ms,
        0,
        -- A unit less is to count: of the window before, or, where nothing of that does, of this one.
        t.counters[3] - now_ms - CASE
          WHEN t.counters[7] = 0 THEN ((t.counters[6] - 1) * c.window_ms) / t.counters[6]
          ELSE c.window_ms
            + ((t.counters[7] * ((c.this_window + 1) * c.window_ms - now_ms) - 1) / c.window_ms * c.window_ms)
              / t.counters[7]
        END
      ]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  IF 3 = ANY (algorithms) THEN
    -- Until kept_until a bucket owes something, and the product of time and rate is less than what it owed.
    FOR spot, told IN
      UPDATE :table t SET counters = ARRAY[
        c.id, 7,
        now_ms + (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
          + c.cost * c.window_ms + c.quota - 1) / c.quota,
        c.window_ms, now_ms,
        CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
          + c.cost * c.window_ms,
        c.quota
      ]
      FROM unnest(free, ids, algorithms, quotas, windows, costs, bursts)
        WITH ORDINALITY c (key, id, algorithm, quota, window_ms, cost, burst, place)
      WHERE t.subject = c.key AND c.algorithm = 3 AND CASE
        WHEN cardinality(t.counters) = 7 AND t.counters[1] = c.id AND t.counters[4] = c.window_ms
          AND t.counters[7] = c.quota AND t.counters[5] <= now_ms
        THEN CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
            <= (c.burst - c.cost) * c.window_ms
          AND (CASE WHEN t.counters[3] > now_ms THEN t.counters[6] - (now_ms - t.counters[5]) * c.quota ELSE 0 END
            + c.cost * c.window_ms + c.quota - 1) / c.quota <= t.expires_ms - now_ms - 1000
        ELSE false
      END
      RETURNING c.place, ARRAY[
        now_ms, c.burst - (t.counters[6] + c.window_ms - 1) / c.window_ms, t.counters[3] - now_ms, 0,
        ((t.counters[6] - 1) % c.window_ms + c.quota) / c.quota
      ]
    LOOP
      reply[5 * spot - 4 : 5 * spot] := told;
    END LOOP;
  END IF;

  FOR index IN 1 .. total LOOP
    IF reply[5 * index] IS NULL AND NOT keys[index] = ANY (others) THEN
      reply[5 * index - 4 : 5 * index] := :limiter(
        0, ARRAY[keys[index]],
        ARRAY[
          1, ids[index], algorithms[index], quotas[index], windows[index], costs[index], bursts[index], blocks[index],
          enforced[index], -1, 0
        ],
        '{}', -1, patience
      );
    END IF;
  END LOOP;
  RETURN reply;
END
$limiter$;
`;
