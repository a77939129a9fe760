// What a table weighs while a million keys come and go: it grows until the first of them are swept, and then no more.
// A key lives for a second; the sweep and autovacuum are as they are installed.
//   npm run build && node bench/support/postgres-table.mjs
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { postgresBackend } from '../../dist/esm/backends/postgres/index.js';
import { testPolicy } from '../../dist/esm/testing/index.js';
import { startServer } from './postgres-server.mjs';

const KEYS = Number(process.env.TABLE_KEYS ?? 1_000_000);
const CALLERS = 8;
const KEYS_PER_CALL = 10;
const STEPS = 20;
/** Autovacuum looks once a minute: what comes faster than it can be removed is not flat, but a flood. */
const SECONDS = Number(process.env.TABLE_SECONDS ?? 240);

const policy = testPolicy({ algorithm: 'fixed-window', limit: 5, windowMs: 1_000 });
const server = await startServer({ fsync: 'off' });
const pool = new pg.Pool({ connectionString: server.url, max: CALLERS });
const backend = postgresBackend({ pool });
try {
  console.log('    keys   seconds      rows   dead   table MB  with indexes MB');
  const started = performance.now();
  let next = 0;
  for (let step = 1; step <= STEPS; step += 1) {
    const until = (KEYS * step) / STEPS;
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        while (next < until) {
          const charges = Array.from({ length: KEYS_PER_CALL }, () => ({ key: `user:${next++}`, policy, cost: 1 }));
          await backend.consume({ charges, timeoutMs: 10_000 });
          const dueMs = started + (next / KEYS) * SECONDS * 1000;
          await delay(Math.max(0, dueMs - performance.now()));
        }
      }),
    );
    const [row] = (
      await pool.query(`SELECT count(*) AS live, count(*) FILTER (WHERE expires_ms < extract(epoch FROM now()) * 1000) AS dead,
        pg_table_size('floodgate') AS heap, pg_total_relation_size('floodgate') AS total FROM floodgate`)
    ).rows;
    const megabytes = (bytes) => (Number(bytes) / 2 ** 20).toFixed(1);
    const cells = [next, Math.round((performance.now() - started) / 1000), row.live, row.dead];
    const widths = [8, 9, 9, 6];
    console.log(
      cells.map((cell, index) => String(cell).padStart(widths[index])).join(' '),
      megabytes(row.heap).padStart(10),
      megabytes(row.total).padStart(16),
    );
  }
} finally {
  await pool.end();
  await server.stop();
}
