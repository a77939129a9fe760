import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { ofThisProcess } from '../../../lib/fleet/host/meeting-place.js';

let temporary: string;

beforeEach(() => (temporary = mkdtempSync(join(tmpdir(), 'floodgate-meeting-'))));
afterEach(() => rmSync(temporary, { recursive: true, force: true }));

it('processes meet in a folder that only this user can enter; one that is open to others is an error with its mend', () => {
  const folder = dirname(ofThisProcess(temporary));
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  chmodSync(folder, 0o755);
  expect(() => ofThisProcess(temporary)).toThrow(RateLimitConfigurationError);
  expect(() => ofThisProcess(temporary)).toThrow(/chmod 700/);
});
