import { keyOverride, PolicyOverrides } from '../../../lib/policies/policy-overrides.js';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const overrides = (...keys: readonly [key: string, until?: string][]): PolicyOverrides<string> =>
  new PolicyOverrides(
    keys.map(([key, until]) => keyOverride('o', { policy: 'api', key, to: '', ...(until && { until }) }, key)),
  );

describe('overrides of a policy', () => {
  it('prefers an exact key to a pattern, and a longer pattern to a shorter one', () => {
    const found = overrides(['user:*'], ['user:bot-*'], ['user:bot-1'], ['*']);
    expect(found.find('user:bot-1', NOW)?.to).toBe('user:bot-1');
    expect(found.find('user:bot-2', NOW)?.to).toBe('user:bot-*');
    expect(found.find('user:me', NOW)?.to).toBe('user:*');
    expect(found.find('ip:192.0.2.1', NOW)?.to).toBe('*');
  });

  it('prefers the longer network prefix', () => {
    const found = overrides(['ip:10.0.0.0/8'], ['ip:10.1.0.0/16'], ['ip:10.1.2.3']);
    expect(found.find('ip:10.9.9.9', NOW)?.to).toBe('ip:10.0.0.0/8');
    expect(found.find('ip:10.1.9.9', NOW)?.to).toBe('ip:10.1.0.0/16');
    expect(found.find('ip:10.1.2.3', NOW)?.to).toBe('ip:10.1.2.3');
  });

  it('ends an override at its time, and the next best holds again', () => {
    const found = overrides(['user:bot-*', '2026-01-01T00:00:10.000Z'], ['user:*']);
    expect(found.find('user:bot-1', NOW + 9_999)?.to).toBe('user:bot-*');
    expect(found.find('user:bot-1', NOW + 10_000)?.to).toBe('user:*');
  });

  it('finds nothing for other keys', () => {
    expect(overrides(['user:1']).find('user:2', NOW)).toBeUndefined();
    expect(overrides().find('user:2', NOW)).toBeUndefined();
  });
});
