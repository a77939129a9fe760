import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { LogReport } from '../../lib/integrations/cli/simulate.command.js';
import type { PolicyReport } from '../../lib/simulate/policy-report.js';
import { generateLog } from './generated-log.js';
import { floodgate, floodgateJson } from './command-line.js';

interface Simulated {
  readonly log: LogReport;
  readonly policies: readonly PolicyReport[];
}

let folder: string;
const fileOf = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'floodgate-logs-'));
});
afterAll(() => rm(folder, { recursive: true }));

const lineOf = (address: string, second: number, path = '/', user = '-'): string =>
  `${address} - ${user} [26/Nov/2026:18:00:${String(second).padStart(2, '0')} +0000] "GET ${path} HTTP/1.1" 200 1 "-" "x"\n`;

describe('floodgate simulate', () => {
  it('finds what was computed without it, in a log of thousands of lines', async () => {
    const known = await generateLog(fileOf('known.log'), 30_000);
    const { log, policies } = await floodgateJson<Simulated>('simulate', fileOf('known.log'), '--policy', '100/m');
    const [report] = policies;
    expect({
      lines: log.lines,
      broken: log.broken,
      calls: report!.calls,
      refused: report!.refused,
      clients: report!.clients,
      fromOneNetwork: report!.network?.clients,
      oneInAThousand: report!.oneInAThousand?.limit,
    }).toEqual(known);
    expect(report!.network?.network).toBe('203.0.113.0/24');
    expect(log.firstBroken).toEqual({ file: fileOf('known.log'), line: 6 });
  });

  it('reads a packed log alike', async () => {
    await writeFile(fileOf('known.log.gz'), gzipSync(await readFile(fileOf('known.log'))));
    const read = (file: string): Promise<Simulated> => floodgateJson('simulate', fileOf(file), '--policy', '100/m');
    const [plain, packed] = [await read('known.log'), await read('known.log.gz')];
    expect(packed.policies).toEqual(plain.policies);
  });

  it('tries several policies at once, each by its algorithm', async () => {
    const calls = Array.from({ length: 30 }, () => lineOf('192.0.2.1', 5)).join('');
    await writeFile(fileOf('burst.log'), calls + lineOf('192.0.2.1', 15));
    const words = ['a=10/m', 'b=20/10s,fixed-window', 'c=10/m,token-bucket,burst=20', 'd=10/m,blockFor=1h'];
    const { policies } = await floodgateJson<Simulated>(
      'simulate',
      fileOf('burst.log'),
      ...words.flatMap((policy) => ['--policy', policy]),
    );
    expect(policies.map(({ policy, refused }) => [policy, refused])).toEqual([
      ['a', 21],
      ['b', 10],
      ['c', 10],
      ['d', 21],
    ]);
  });

  it('counts by user where it is told to, and tells the network by the address', async () => {
    const lines = [lineOf('192.0.2.1', 1, '/', 'ann'), lineOf('192.0.2.2', 2, '/', 'ann'), lineOf('192.0.2.3', 3)];
    await writeFile(fileOf('users.log'), lines.join(''));
    const by = async (key: string): Promise<unknown> => {
      const words = ['simulate', fileOf('users.log'), '--policy', '1/m', '--key', key];
      const [report] = (await floodgateJson<Simulated>(...words)).policies;
      return [report!.refused, report!.mostRefused, report!.network];
    };
    expect(await by('ip')).toEqual([0, [], null]);
    expect(await by('user')).toEqual([1, [{ key: 'user:ann', refused: 1 }], { network: '192.0.2.0/24', clients: 1 }]);
    expect(await by('global')).toMatchObject([2, [{ key: 'global', refused: 2 }], {}]);
  });

  it('leaves out calls of other paths', async () => {
    await writeFile(fileOf('paths.log'), lineOf('192.0.2.1', 1, '/login') + lineOf('192.0.2.1', 1, '/books'));
    const words = ['simulate', fileOf('paths.log'), '--policy', '1/m', '--path', '/login'];
    expect((await floodgateJson<Simulated>(...words)).log).toMatchObject({ lines: 2, calls: 1, broken: 0 });
  });

  it('lets no time step back, and says so', async () => {
    await writeFile(fileOf('late.log'), lineOf('192.0.2.1', 30) + lineOf('192.0.2.1', 10) + lineOf('192.0.2.1', 20));
    const { log } = await floodgateJson<Simulated>('simulate', fileOf('late.log'), '--policy', '1/m');
    expect(log).toMatchObject({ outOfOrder: 2, from: '2026-11-26T18:00:30.000Z', to: '2026-11-26T18:00:30.000Z' });
  });

  it('counts what it cannot read, however long or strange', async () => {
    const strange = [
      '\u0000\u0001',
      'x'.repeat(200_000),
      `{"time":1,"ip":"nowhere"}`,
      '\r',
      lineOf('192.0.2.1', 1).replace('\n', '\r'),
      'y'.repeat(300_000),
    ];
    await writeFile(fileOf('strange.log'), strange.join('\n'));
    const { log } = await floodgateJson<Simulated>('simulate', fileOf('strange.log'), '--policy', '1/m');
    expect(log).toMatchObject({ calls: 1, broken: 4, firstBroken: { line: 1 } });
  });

  it('finds nothing in an empty log, and does not read a broken archive', async () => {
    await writeFile(fileOf('empty.log'), '');
    const empty = await floodgate('simulate', fileOf('empty.log'), '--policy', '1/m');
    expect([empty.code, empty.text]).toEqual([1, expect.stringContaining('0 lines, 0 calls.')]);
    await writeFile(fileOf('broken.gz'), Buffer.concat([gzipSync('x').subarray(0, 12), Buffer.from('nonsense')]));
    const broken = await floodgate('simulate', fileOf('broken.gz'), '--policy', '1/m');
    expect([broken.code, broken.errors]).toEqual([
      2,
      `${fileOf('broken.gz')} is a damaged gzip file: check it with gzip -t.\n`,
    ]);
  });

  it('prints hostile keys as they are safe', async () => {
    const hostile = '\u001b]0;owned\u0007';
    await writeFile(fileOf('hostile.log'), lineOf('192.0.2.1', 1, '/', hostile).repeat(3));
    const { text } = await floodgate('simulate', fileOf('hostile.log'), '--policy', '1/m', '--key', 'user');
    expect(text).toContain('user:\\x1b]0;owned\\x07: 2');
    expect(text).not.toContain('\u001b');
  });
});
