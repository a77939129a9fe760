import { strict as assert } from 'node:assert';
import type { CaseDefinition } from '../conformance.case.js';

const ODD_KEYS: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'null',
  'undefined',
  'NaN',
  '0',
  '-1',
  '1e3',
  '01',
  ' ',
  '  ',
  'a',
  'A',
  'a ',
  ' a',
  '{}',
  '{',
  '}',
  '{a}',
  '{a}b',
  '}a{',
  '{{a}}',
  'a:b',
  'a:b:',
  'a|b',
  'a#b',
  'a/b',
  'a,b',
  'a*',
  'a?',
  '[a]',
  'a%00',
  'a\0',
  'a\0b',
  'a\nb',
  'a\r\nb',
  '"a"',
  "'a'",
  'a\\',
  '$a',
  '😀',
  '😁',
  'é',
  'e\u0301',
  'ключ',
  '\u202e',
  'x'.repeat(255),
  'x'.repeat(256),
  '😀'.repeat(128),
  `${'x'.repeat(255)}y`,
];

const SEPARATORS: readonly string[] = [':', '|', '#', '/', ',', '.', '-', '_', ' ', '\0', '\n', '{', '}', '::'];

/** Who is limited: any text, and only he. */
export const keyCases: readonly CaseDefinition[] = [
  {
    name: 'counts every key for itself, whatever its characters',
    async run(subject) {
      const policy = subject.policy({ limit: 2 });
      for (const key of ODD_KEYS) assert.equal((await subject.consume(policy, 1, { key })).remaining, 1, describe(key));
      for (const key of ODD_KEYS) assert.equal((await subject.consume(policy, 1, { key })).remaining, 0, describe(key));
      for (const key of ODD_KEYS)
        assert.equal((await subject.consume(policy, 1, { key })).allowed, false, describe(key));
      for (const key of ODD_KEYS) await subject.reset(policy, key);
      for (const key of ODD_KEYS) assert.equal((await subject.peek(policy, key)).remaining, 2, describe(key));
    },
  },
  {
    name: 'never takes a part of a key for a part of a policy id',
    async run(subject) {
      for (const separator of SEPARATORS) {
        const { id } = subject.policy();
        const short = subject.policy({ id, limit: 1 });
        const long = subject.policy({ id: `${id}${separator}a`, limit: 1 });
        assert.equal((await subject.consume(short, 1, { key: `a${separator}b` })).allowed, true, describe(separator));
        assert.equal((await subject.consume(long, 1, { key: 'b' })).allowed, true, describe(separator));
      }
    },
  },
  {
    name: 'decides on odd keys together as it does alone',
    async run(subject) {
      const policy = subject.policy({ limit: 1 });
      const charges = ODD_KEYS.slice(0, 20).map((key) => ({ policy, key, cost: 1 }));
      assert.equal((await subject.consumeAll(charges)).allowed, true);
      const { allowed, policies } = await subject.consumeAll(charges);
      assert.equal(allowed, false);
      assert.ok(policies.every((status) => !status.allowed));
    },
  },
];

const describe = (text: string): string => `with ${JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}…` : text)}`;
