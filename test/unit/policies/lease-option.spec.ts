import type { PolicyOptions } from 'nestjs-floodgate';
import { compilePolicy } from '../../../lib/policies/compiled-policy.js';
import { LivePolicies } from '../../../lib/policies/live-policies.js';
import { UNCHANGED } from '../../../lib/policies/policy-document.js';
import { thrownBy } from './thrown.js';

const compile = (input: object) =>
  compilePolicy('policies.api', { rate: '100/m', algorithm: 'fixed-window', ...input } as PolicyOptions, () => 'api');

it.each<[string, object, 'auto' | number | undefined]>([
  ['nothing', {}, undefined],
  ['false', { lease: false }, undefined],
  ['true', { lease: true }, 'auto'],
  ['no size', { lease: {} }, 'auto'],
  ["'auto'", { lease: { size: 'auto' } }, 'auto'],
  ['a size', { lease: { size: 100 } }, 100],
  ['a limit of 0', { rate: '0/m', lease: { size: 1 } }, 1],
])('reads %s', (_what, given, expected) => {
  expect(compile(given).policy.lease).toBe(expected);
});

it('is of calendar windows, too', () => {
  const { policy } = compile({ rate: undefined, algorithm: undefined, limit: 5, window: 'calendar-day', lease: true });
  expect(policy).toMatchObject({ algorithm: 'fixed-window', lease: 'auto' });
});

it.each<[string, object, string]>([
  ['', { lease: 'auto' }, 'Give true, false or { size }'],
  ['', { lease: null }, 'Give true, false or { size }'],
  ['', { algorithm: undefined, lease: true }, "set algorithm: 'fixed-window' or a calendar window"],
  ['', { algorithm: 'token-bucket', lease: { size: 5 } }, "Units of 'token-bucket' cannot be taken in advance"],
  ['', { rate: undefined, limit: 5, algorithm: 'concurrency', lease: true }, "Units of 'concurrency'"],
  ['', { blockFor: '1m', lease: true }, 'leave out blockFor or lease'],
  ['.size', { lease: { size: 0 } }, "Give 'auto' or a whole number from 1 to the limit, which is 100."],
  ['.size', { lease: { size: 1.5 } }, 'a whole number'],
  ['.size', { lease: { size: 101 } }, 'from 1 to the limit'],
  ['.size', { lease: { size: '5' } }, 'a whole number'],
  ['.units', { lease: { units: 5 } }, 'There is no such option'],
])('says what is wrong with lease%s of %j', (option, given, mend) => {
  const { message } = thrownBy(() => compile(given)) as Error;
  expect(message).toContain(`policies.api.lease${option}`);
  expect(message).toContain(mend);
});

it('is within a limit that is changed later', () => {
  const definitions = new Map<string, PolicyOptions>([
    ['api', { rate: '100/m', algorithm: 'fixed-window', lease: { size: 50 } }],
  ]);
  const sizeOf = (policy: string | object) =>
    new LivePolicies(definitions, { ...UNCHANGED, policies: { api: policy } }, (_, one) => one).named.get('api')?.policy
      .lease;
  expect(sizeOf('1000/m')).toBe(50);
  expect(sizeOf('20/m')).toBe(20);
  expect(sizeOf({ limit: 0 })).toBe(1);
  expect(sizeOf('unlimited')).toBe(50);
  expect(sizeOf({ lease: { size: 7 } })).toBe(7);
  expect(sizeOf({ lease: false })).toBeUndefined();
});
