import { readFileSync } from 'node:fs';
import { LIMITER_SCRIPT } from '../../../../lib/backends/redis/scripts/limiter.generated.js';

it('the script that is shipped is the one that is written: run npm run embed', () => {
  const source = readFileSync(new URL('../../../../lib/backends/redis/scripts/limiter.lua', import.meta.url), 'utf8');
  expect(LIMITER_SCRIPT).toBe(source);
});
