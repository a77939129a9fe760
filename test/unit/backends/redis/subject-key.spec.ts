import fc from 'fast-check';
import { subjectKey } from '../../../../lib/backends/redis/subject-key.js';

/** What Redis Cluster hashes of a key. */
const hashTag = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? key;

const bytes = (text: string): string => Buffer.from(text).toString('latin1');

describe('subjectKey', () => {
  it('keeps ordinary subjects readable', () => {
    expect(subjectKey('floodgate:', 'ip:2001:db8:1:2::/64')).toBe('floodgate:{ip:2001:db8:1:2::/64}');
    expect(subjectKey('', 'user:42')).toBe('{user:42}');
    expect(subjectKey('p:', '🚀 __proto__')).toBe('p:{🚀 __proto__}');
  });

  it('escapes what could end the hash tag, and the escape itself', () => {
    expect(subjectKey('p:', 'a}b{c%7D')).toBe('p:{a%7Db%7Bc%257D}');
    expect(subjectKey('p:', '}')).toBe('p:{%7D}');
  });

  it('gives different subjects different keys, and the whole subject the slot', () => {
    const subject = fc.oneof(
      fc.string({ unit: fc.constantFrom('{', '}', '%', '7', 'B', 'D', 'd', '8', '0', 'a', '\ud800', '\udc00', '😀') }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(subject, subject, (one, other) => {
        const [first, second] = [subjectKey('p:', one), subjectKey('p:', other)];
        expect(bytes(first) === bytes(second)).toBe(one === other);
        if (one !== '') expect(first).toBe(`p:{${hashTag(first)}}`);
      }),
      { numRuns: 2_000 },
    );
  });
});
