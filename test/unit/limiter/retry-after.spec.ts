import { retryAfterOf } from '../../../lib/limiter/retry-after.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const inAMinute = new Date(NOW_MS + 60_000).toUTCString();
const withHeader = (value: unknown): object => ({ headers: { 'retry-after': value } });

describe('the wait that an error asks for', () => {
  it.each<[string, unknown, number]>([
    ['seconds', withHeader('30'), 30_000],
    ['seconds as a number', withHeader(30), 30_000],
    ['no seconds', withHeader('0'), 0],
    ['seconds between spaces', withHeader('  7\t'), 7_000],
    ['a date', withHeader(inAMinute), 60_000],
    ['a date that is over', withHeader(new Date(NOW_MS - 1_000).toUTCString()), 0],
    ['seconds and a word', withHeader('30 seconds'), 0],
    ['a word and seconds', withHeader('in 30'), 0],
    ['a word', withHeader('soon'), 0],
    ['no text', withHeader({ seconds: 30 }), 0],
    ['a header in capitals', { headers: { Server: 'x', 'RETRY-AFTER': '3' } }, 3_000],
    ['other headers', { headers: { 'retry-before': '3' } }, 0],
    ['a Headers', { headers: new Headers({ 'Retry-After': '4' }) }, 4_000],
    ['a Headers without it', { headers: new Headers({ Server: 'x' }) }, 0],
    ["a client's own headers", { headers: { get: (name: string) => (name === 'retry-after' ? '5' : '9') } }, 5_000],
    ['headers whose get is no function', { headers: { get: 'no', 'retry-after': '6' } }, 6_000],
    ['the headers of a response', { response: withHeader('8') }, 8_000],
    ['headers of a response before its own', { response: withHeader('8'), ...withHeader('9') }, 8_000],
    ['its own headers if the response has none', { response: {}, ...withHeader('9') }, 9_000],
    ['headers that are null', { headers: null, response: { headers: null } }, 0],
    ['headers that are a text', { headers: 'retry-after: 3' }, 0],
    ['a property of its own', { retryAfterMs: 1_234 }, 1_234],
    ['a header before its property', { ...withHeader('2'), retryAfterMs: 1_234 }, 2_000],
    ['a header that says nothing, before its property', { ...withHeader('soon'), retryAfterMs: 1_234 }, 0],
    ['its property if its headers say nothing', { headers: { server: 'x' }, retryAfterMs: 1_234 }, 1_234],
    ['a property of nothing', { retryAfterMs: 0 }, 0],
    ['a negative property', { retryAfterMs: -5 }, 0],
    ['a property that is a text', { retryAfterMs: '5' }, 0],
    ['a response that is null', { response: null, retryAfterMs: 5 }, 5],
    ['nothing', {}, 0],
    ['undefined', undefined, 0],
    ['null', null, 0],
    ['a text', 'broken', 0],
  ])('by %s', (_what, error, expected) => {
    expect(retryAfterOf(error, NOW_MS)).toBe(expected);
  });
});
