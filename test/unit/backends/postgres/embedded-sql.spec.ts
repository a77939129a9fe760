import { readFileSync } from 'node:fs';
import { LIMITER_SQL } from '../../../../lib/backends/postgres/sql/limiter.generated.js';
import { TABLE_SQL } from '../../../../lib/backends/postgres/sql/table.generated.js';

it.each([
  ['limiter.sql', LIMITER_SQL],
  ['table.sql', TABLE_SQL],
])('the %s that is shipped is the one that is written: run npm run embed', (file, shipped) => {
  const url = new URL(`../../../../lib/backends/postgres/sql/${file}`, import.meta.url);
  expect(shipped).toBe(readFileSync(url, 'utf8'));
});
