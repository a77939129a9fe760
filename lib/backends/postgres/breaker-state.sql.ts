import { checkName, quoted } from './table-names.js';

/** Processes that start at once migrate one after another. */
export const BREAKER_MIGRATION = "SELECT pg_advisory_xact_lock(hashtext('nestjs-floodgate breakers'))";

/** What the store asks of the database. Each answers rows of one column: JSON as text. */
export interface BreakerStatements {
  readonly migrations: readonly string[];
  /** What a role needs that makes the tables. */
  readonly grantsToCreate: string;
  /** What a role needs that uses them. */
  readonly grants: string;
  /** $1 process, $2 its reports, $3 how long a hint outlives its due time, $4 how long reports are kept; ms. */
  readonly exchange: string;
  /** $1 process, $2 a process that sent nothing for this time has ended, $3 how long reports are kept; ms. */
  readonly resume: string;
  /** $1 process, $2 circuit, $3 ms. Answers a row if another has the probe. */
  readonly claim: string;
  /** $1 process, $2 circuit, $3 ms for which nobody may probe, $4 step. */
  readonly settle: string;
  /** $1 process. */
  readonly leave: string;
}

/** @throws RateLimitConfigurationError for a schema that cannot be quoted */
export function breakerStatements(caller: string, schema: string): BreakerStatements {
  checkName(`${caller}.schema`, schema);
  const within = (name: string): string => `${quoted(schema)}.${quoted(name)}`;
  const said = within('floodgate_breakers');
  const probes = within('floodgate_probes');
  const ms = (expression: string): string => `(${expression}) * interval '1 millisecond'`;
  const left = (time: string): string =>
    `greatest(0, extract(epoch FROM ${time} - clock_timestamp()) * 1000)::double precision`;
  return {
    migrations: [
      `CREATE TABLE IF NOT EXISTS ${said} (process text NOT NULL, circuit text NOT NULL, state text NOT NULL,
        step integer NOT NULL, trips integer NOT NULL, due timestamptz NOT NULL, beat timestamptz NOT NULL,
        PRIMARY KEY (process, circuit))`,
      `CREATE TABLE IF NOT EXISTS ${probes} (circuit text PRIMARY KEY, owner text NOT NULL, step integer NOT NULL,
        until timestamptz NOT NULL)`,
    ],
    grantsToCreate: `GRANT USAGE, CREATE ON SCHEMA ${quoted(schema)} TO <role>;`,
    grants:
      `GRANT USAGE ON SCHEMA ${quoted(schema)} TO <role>; ` +
      `GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE ${said}, ${probes} TO <role>;`,
    // A statement does not see its own writes, so its own rows are left out of what it reads.
    exchange: `WITH told AS (
        SELECT * FROM jsonb_to_recordset($2::jsonb)
          AS r(circuit text, state text, step integer, "tripCount" integer, "dueInMs" double precision)
      ), put AS (
        INSERT INTO ${said} AS s
        SELECT $1::text, circuit, state, step, "tripCount", clock_timestamp() + ${ms('"dueInMs"')}, clock_timestamp()
          FROM told ORDER BY circuit
        ON CONFLICT (process, circuit) DO UPDATE SET state = excluded.state, step = excluded.step,
          trips = excluded.trips, due = excluded.due, beat = excluded.beat
      ), gone AS (
        DELETE FROM ${said} WHERE (process = $1::text AND circuit NOT IN (SELECT circuit FROM told))
          OR due < clock_timestamp() - ${ms('$4::double precision')}
      ), peers AS (
        SELECT circuit, count(*) AS open, max(due) + ${ms('$3::double precision')} AS hint FROM ${said}
          WHERE process <> $1::text AND state <> 'kept' AND beat > to_timestamp(0)
            AND due + ${ms('$3::double precision')} > clock_timestamp() GROUP BY circuit
      ), probe AS (
        SELECT * FROM ${probes} WHERE owner <> $1::text AND until > clock_timestamp()
      )
      SELECT json_strip_nulls(json_build_object('circuit', coalesce(peers.circuit, probe.circuit),
        'open', coalesce(open, 0), 'hintForMs', coalesce(${left('hint')}, 0),
        'probe', CASE WHEN probe.circuit IS NULL THEN NULL
          ELSE json_build_object('forMs', ${left('until')}, 'step', step) END))::text
      FROM peers FULL JOIN probe ON peers.circuit = probe.circuit`,
    resume: `DELETE FROM ${said} WHERE process = (
        SELECT process FROM ${said} WHERE process <> $1::text
          AND beat < clock_timestamp() - ${ms('$2::double precision')}
          AND due > clock_timestamp() - ${ms('$3::double precision')}
        ORDER BY process LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING json_build_object('circuit', circuit, 'state', state, 'step', step, 'tripCount', trips,
        'dueInMs', ${left('due')})::text`,
    claim: `WITH mine AS (
        INSERT INTO ${probes} AS p
        VALUES ($2::text, $1::text, 0, clock_timestamp() + ${ms('$3::double precision')})
        ON CONFLICT (circuit) DO UPDATE SET owner = excluded.owner, step = 0, until = excluded.until
          WHERE p.owner = excluded.owner OR p.until <= clock_timestamp()
        RETURNING circuit
      )
      SELECT json_build_object('forMs', ${left('until')}, 'step', step)::text FROM ${probes}
        WHERE circuit = $2::text AND NOT EXISTS (SELECT FROM mine)`,
    settle: `UPDATE ${probes} SET until = clock_timestamp() + ${ms('$3::double precision')}, step = $4::integer
      WHERE circuit = $2::text AND owner = $1::text RETURNING '{}'`,
    leave: `WITH free AS (DELETE FROM ${probes} WHERE owner = $1::text)
      UPDATE ${said} SET beat = to_timestamp(0) WHERE process = $1::text RETURNING '{}'`,
  };
}
