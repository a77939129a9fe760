import { readLine } from '../../../../lib/integrations/cli/access-log.js';
import { addressOf, logKey } from '../../../../lib/integrations/cli/log-keys.js';

const AT = Date.UTC(2026, 10, 26, 18, 5, 9);

/** Address, user, path, time and two headers of a line. */
function told(line: string): unknown {
  const call = readLine(line);
  if (call === undefined) return undefined;
  const { atMs, address, user, path } = call;
  return { atMs, address, user, path, agent: call.header('user-agent'), referer: call.header('referer') };
}

const nothing = { address: undefined, user: undefined, path: undefined, agent: undefined, referer: undefined };

describe('a line of an access log', () => {
  it.each([
    [
      'in the combined format',
      '192.0.2.1 - ann [26/Nov/2026:19:05:09 +0100] "GET /books?q=1 HTTP/1.1" 200 512 "https://a.example/" "curl/8 \\"x\\""',
      { address: '192.0.2.1', user: 'ann', path: '/books?q=1', referer: 'https://a.example/', agent: 'curl/8 \\"x\\"' },
    ],
    [
      'in the common format',
      '2001:db8::1 - - [26/Nov/2026:13:35:09 -0430] "POST /login HTTP/2.0" 401 -',
      { address: '2001:db8::1', path: '/login' },
    ],
    [
      'with a user of two words and without referer and agent',
      'host.example - ann lee [26/Nov/2026:18:05:09 +0000] "GET / HTTP/1.1" 304 0 "-" "-"',
      { address: 'host.example', user: 'ann lee', path: '/' },
    ],
    [
      'with a request that is no HTTP',
      '192.0.2.1 - - [26/Nov/2026:18:05:09 +0000] "\\x16\\x03\\x01" 400 150 "-" "-"',
      { address: '192.0.2.1' },
    ],
    [
      'of pino-http',
      `{"level":30,"time":${AT},"req":{"method":"GET","url":"/a","remoteAddress":"::ffff:192.0.2.1","headers":{"User-Agent":"x"}}}`,
      { address: '::ffff:192.0.2.1', path: '/a', agent: 'x' },
    ],
    [
      'of Caddy',
      `{"ts":${AT / 1_000},"request":{"remote_ip":"192.0.2.1","uri":"/b","headers":{"User-Agent":["x"]}},"user_id":"ann"}`,
      { address: '192.0.2.1', path: '/b', agent: 'x', user: 'ann' },
    ],
    [
      'of nginx, as a template often writes it',
      '{"time_iso8601":"2026-11-26T18:05:09+00:00","remote_addr":"192.0.2.1","remote_user":"","request_uri":"/c","http_user_agent":"x"}',
      { address: '192.0.2.1', path: '/c', agent: 'x' },
    ],
    [
      'of Traefik',
      '{"ClientHost":"192.0.2.1","ClientUsername":"-","RequestPath":"/d","StartUTC":"2026-11-26T18:05:09Z"}',
      { address: '192.0.2.1', path: '/d' },
    ],
    [
      'with a user that is an object, and a time as a text',
      `{"timestamp":"${AT}","ip":"192.0.2.1","user":{"id":42}}`,
      { address: '192.0.2.1', user: '42' },
    ],
  ])('%s', (_, line, expected) => {
    expect(told(line)).toEqual({ ...nothing, atMs: AT, ...expected });
  });

  it.each([
    ['', 'empty'],
    ['GET / HTTP/1.1', 'no log'],
    ['192.0.2.1 - - [99/Foo/2026:18:05:09 +0000] "GET / HTTP/1.1" 200 1', 'no month'],
    ['192.0.2.1 - - [26/Nov/2026] "GET / HTTP/1.1" 200 1', 'no time'],
    ['{"ip":"192.0.2.1"}', 'no time in JSON'],
    ['{"time":"soon","ip":"192.0.2.1"}', 'a time that is none'],
    ['{"time":-5,"ip":"192.0.2.1"}', 'a time before all'],
    ['{"time":', 'broken JSON'],
    ['[1]', 'another JSON'],
  ])('is broken: %s (%s)', (line) => {
    expect(told(line)).toBeUndefined();
  });

  it('reads a million characters of nonsense in no time', () => {
    const startedMs = performance.now();
    for (const part of ['a ', '"\\', '[', '- - ']) expect(told(part.repeat(16_000))).toBeUndefined();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });
});

describe('the key of a logged call', () => {
  const keyOf = (input: string, line: string): string | undefined => {
    const call = readLine(line)!;
    return logKey(input)(call, addressOf(call));
  };
  const line = (address: string, user = '-'): string =>
    `${address} - ${user} [26/Nov/2026:18:05:09 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8"`;

  it.each([
    ['ip', line('192.0.2.1'), 'ip:192.0.2.1'],
    ['ip', line('::ffff:192.0.2.1'), 'ip:192.0.2.1'],
    ['ip', line('2001:DB8:1:2:3::4'), 'ip:2001:db8:1:2::/64'],
    ['ip', line('host.example'), undefined],
    ['user', line('192.0.2.1', 'ann'), 'user:ann'],
    ['user', line('192.0.2.1'), 'ip:192.0.2.1'],
    ['user-or-ip', line('192.0.2.1'), 'ip:192.0.2.1'],
    ['global', line('host.example'), 'global'],
    ['header:User-Agent', line('192.0.2.1'), 'header:user-agent:curl/8'],
    ['header:referer', line('192.0.2.1'), 'ip:192.0.2.1'],
    ['header:x-api-key', '{"time":1,"http_x_api_key":"k1"}', 'header:x-api-key:k1'],
  ])('%s of %s', (input, text, expected) => {
    expect(keyOf(input, text)).toBe(expected);
  });

  it.each(['query:x', 'body:x', 'nobody', 'header:'])('is refused where no log tells it: %s', (input) => {
    expect(() => logKey(input)).toThrow('a log tells ip, user');
  });
});
