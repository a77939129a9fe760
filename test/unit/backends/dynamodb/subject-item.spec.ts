import {
  counterId,
  decode,
  encode,
  type StoredCounter,
  type SubjectItem,
} from '../../../../lib/backends/dynamodb/subject-item.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const NOW_MS = Date.UTC(2026, 0, 1);

const counter = (keptUntilMs: number, log?: readonly number[]): StoredCounter => ({
  keptUntilMs,
  state: { windowMs: 60_000, at: 12, used: 3, rest: 1, log },
});

const itemWith = (counters: Record<string, StoredCounter>): SubjectItem & { version: string } => ({
  version: 'writer.1',
  writtenAtMs: NOW_MS,
  clock: 'writer',
  counters: new Map(Object.entries(counters)),
});

describe('an item', () => {
  it.each([
    ['no log', undefined],
    ['an empty log', []],
    ['a log of times and units', [NOW_MS - 5_000, 2, NOW_MS - 4_999, 1, NOW_MS, 7]],
    ['a log of names and ends', [2 ** 53 - 1, NOW_MS, 0, NOW_MS + 1, 2 ** 52, NOW_MS]],
  ])('is read as it was written, with %s', (_what, log) => {
    const item = itemWith({ one: counter(NOW_MS + 1, log), two: counter(NOW_MS + 2) });
    expect(decode(encode('user:1', item))).toEqual(item);
  });

  it('leaves out counters that are over', () => {
    const read = decode(encode('user:1', itemWith({ over: counter(NOW_MS - 1_000), just: counter(NOW_MS - 999) })));
    expect([...read.counters.keys()]).toEqual(['just']);
  });

  it('holds a dozen policies of a subject in a unit of capacity', () => {
    const counters: Record<string, StoredCounter> = {};
    for (let index = 0; index < 12; index += 1) {
      counters[counterId(testPolicy({ id: String(index), ...QUOTA }))] = counter(NOW_MS + 3_600_000);
    }
    const raw = encode('ip:2001:db8:1:2::/64', itemWith(counters));
    expect(sizeOf(raw)).toBeLessThan(1_024);
  });

  it('holds a hundred units of a log in a unit of capacity', () => {
    const log = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? NOW_MS + index * 271 : 1));
    expect(sizeOf(encode('user:1', itemWith({ log: counter(NOW_MS, log) })))).toBeLessThan(1_024);
  });

  it.each([
    [{}],
    [{ version: { S: 'a' }, writtenAt: { N: 'b' }, clock: { S: 'c' }, counters: { S: '{}' } }],
    [{ version: { S: 'a' }, writtenAt: { N: '1' }, clock: { S: 'c' }, counters: { S: '{' } }],
    [{ version: { S: 'a' }, writtenAt: { N: '1' }, clock: { S: 'c' }, counters: { S: 'null' } }],
    [{ version: { S: 'a' }, writtenAt: { N: '1' }, clock: { S: 'c' }, counters: { S: '{"a":[1,2]}' } }],
    [{ version: { S: 'a' }, writtenAt: { N: '1' }, clock: { S: 'c' }, counters: { S: '{"a":[1,2,3,4,"5"]}' } }],
  ])('that the limiter did not write is a mistake: %j', (raw) => {
    expect(() => decode(raw)).toThrow(/a table of its own/);
  });
});

const QUOTA = { algorithm: 'fixed-window', limit: 1, windowMs: 1_000 } as const;

/** As DynamoDB counts: names and values of all attributes, a number at most as many bytes as digits. */
const sizeOf = (raw: ReturnType<typeof encode>): number =>
  Object.entries(raw).reduce((sum, [name, value]) => sum + name.length + (value.S ?? value.N ?? '').length, 0);
