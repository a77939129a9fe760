import { matches, networkOf, parseKeyPattern } from '../../../lib/policies/key-pattern.js';

const hit = (pattern: string, key: string): boolean => matches(parseKeyPattern('p', pattern), key, networkOf(key));

describe('a key pattern', () => {
  it.each([
    ['user:42', 'user:42', true],
    ['user:42', 'user:421', false],
    ['user:bot-*', 'user:bot-7', true],
    ['user:bot-*', 'user:robot-7', false],
    ['*', 'anything', true],
    ['ip:192.0.2.1', 'ip:192.0.2.1', true],
    ['ip:192.0.2.1', 'ip:192.0.2.10', false],
    ['ip:10.0.0.0/8', 'ip:10.255.0.1', true],
    ['ip:10.0.0.0/8', 'ip:11.0.0.1', false],
    ['ip:10.0.0.0/8', 'ip:2001:db8::/64', false],
    ['ip:0.0.0.0/0', 'ip:203.0.113.9', true],
    ['ip:2001:db8::/32', 'ip:2001:db8:1:2::/64', true],
    ['ip:2001:db8::/32', 'ip:2001:db9:1:2::/64', false],
    ['ip:2001:db8:1:2::/64', 'ip:2001:db8:1:2::/64', true],
    // A key that stands for a whole network is not one address of it.
    ['ip:2001:db8:1:2::7', 'ip:2001:db8:1:2::/64', false],
    ['ip:10.0.0.0/8', 'user:ip:10.0.0.1', false],
    ['ip:10.0.0.0/8', 'ip:10.0.0.1|param:7', false],
    ['ip:unknown', 'ip:unknown', true],
    ['__proto__', '__proto__', true],
  ])('%s against %s: %s', (pattern, key, expected) => {
    expect(hit(pattern, key)).toBe(expected);
  });

  it.each(['', 'user:*-bot', 'ip:10.0.0.0/33', 'ip:10.0.0/8', 'ip:2001:db8::/129'])(
    'refuses %j with the mend',
    (text) => {
      expect(() => parseKeyPattern('lists.deny[0]', text)).toThrow(/^lists\.deny\[0\]: received .*(Give|put)/);
    },
  );
});
