import { AccessLists } from '../../../lib/policies/access-lists.js';

describe('access lists', () => {
  const lists = new AccessLists({
    allow: ['ip:10.0.0.0/8', 'user:probe', 'user:partner-*', 'ip:2001:db8:5::/48'],
    deny: ['ip:10.66.0.0/16', 'user:partner-bad'],
  });

  it.each([
    [['ip:10.1.2.3'], 'allow-listed'],
    [['ip:10.66.2.3'], 'deny-listed'],
    [['ip:192.0.2.1'], undefined],
    [['user:probe'], 'allow-listed'],
    [['user:probes'], undefined],
    [['user:partner-7'], 'allow-listed'],
    [['user:partner-bad'], 'deny-listed'],
    [['user:42', 'ip:10.66.0.1'], 'deny-listed'],
    [['user:probe', 'ip:10.66.0.1'], 'deny-listed'],
    [['ip:2001:db8:5:7::/64'], 'allow-listed'],
    [['ip:2001:db8:6:7::/64'], undefined],
    // A key for a network that is larger than the one listed.
    [['ip:2001:db8::/32'], undefined],
    [[], undefined],
  ])('%j: %s', (keys, verdict) => {
    expect(lists.verdict(keys)).toBe(verdict);
  });

  it('are empty unless something is listed', () => {
    expect(new AccessLists().isEmpty).toBe(true);
    expect(new AccessLists({ deny: ['user:1'] }).isEmpty).toBe(false);
    expect(lists.isEmpty).toBe(false);
  });

  it.each([
    [{ deny: ['ip:10.0.0.0/40'] }, 'lists.deny[0]'],
    [{ allow: 'user:42' }, 'lists.allow'],
    [{ block: [] }, 'lists.block'],
    [{ allow: ['user:1', 42] }, 'lists.allow[1]'],
  ])('refuse %j and name the place', (options, place) => {
    expect(() => new AccessLists(options as never)).toThrow(`${place}: received`);
  });
});
