import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.js';
import { MetricsPage } from '../support/metrics-page.js';
import { PrometheusServer } from '../support/prometheus-server.js';
import { RedisServer } from '../support/redis-server.js';
import { startSample } from '../support/sample-app.js';

const RULES = join(process.cwd(), 'docs/alerts/floodgate.rules.yml');
const RULES_TEST = join(process.cwd(), 'docs/alerts/floodgate.rules.test.yml');

interface Board {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}
const BOARD = JSON.parse(readFileSync(join(process.cwd(), 'docs/grafana/floodgate.json'), 'utf8')) as Board;

/** Runs promtool; what it says, and whether it is content. */
function promtool(args: readonly string[], input?: string): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  return { ok: status === 0, output: stdout + stderr };
}

describe('promtool', () => {
  it('has nothing to say of the page of metrics', async () => {
    await using app = await startSample();
    for (const path of ['/books', '/search?q=a', '/health', '/books/1/stock']) await fetch(`${app.url}${path}`);
    const { text } = await MetricsPage.of(`${app.url}/metrics`);
    expect(promtool(['check', 'metrics'], text)).toEqual({ ok: true, output: '' });
  });

  it('finds the alert rules in order, and they fire when they should', () => {
    expect(promtool(['check', 'rules', '--lint-fatal', RULES])).toMatchObject({ ok: true });
    expect(promtool(['test', 'rules', RULES_TEST])).toMatchObject({ ok: true });
  });
});

describe('alert rules and the board', () => {
  it('name only metrics and labels that there are', async () => {
    await using app = await startSample();
    const { text } = await MetricsPage.of(`${app.url}/metrics`);
    const known = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
    const used = [readFileSync(RULES, 'utf8'), JSON.stringify(BOARD)].flatMap((one) => one.match(/floodgate_[a-z_]+/g));
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((name) => !known.includes(name!))).toEqual([]);
  });
});

describe('a Prometheus that scrapes the sample', () => {
  it('sees calls, an outage of Redis and its end, in the metrics, the board and the alerts', async () => {
    await using redis = await RedisServer.start();
    await using app = await startSample({ REDIS_URL: redis.url, FAILURE_MODE: 'open', RECOVERY_TIMEOUT: '100ms' });
    await using prometheus = await PrometheusServer.start(new URL(app.url).host, RULES);
    const books = async (): Promise<number> => (await fetch(`${app.url}/books`)).status;
    const valueOf = async (expression: string): Promise<number | undefined> =>
      (await prometheus.query(expression))[0]?.value;

    await eventually(async () => (await fetch(`${app.url}/books`)).headers.has('ratelimit'), {
      what: 'Redis is there',
    });
    await eventually(async () => (await books()) === 429, { what: 'a call is refused' });
    await eventually(
      async () => (await valueOf('floodgate_requests_total{policy="catalogue",result="limited"}'))! > 0,
      {
        what: 'Prometheus has seen it',
        timeoutMs: 15_000,
      },
    );
    await eventually(async () => (await valueOf('floodgate_backend_up{backend="redis"}')) === 1, {
      what: 'Prometheus has seen Redis up',
    });

    await redis.kill();
    await eventually(
      async () => {
        await books();
        return (await prometheus.alerts()).includes('FloodgateBackendDown');
      },
      { what: 'Prometheus knows of the outage', timeoutMs: 20_000 },
    );
    // Each is seen by a scrape of its own time.
    await eventually(
      async () => {
        await books();
        const closed = await valueOf('floodgate_breaker_state{breaker="backend:redis",state="closed"}');
        return closed === 0 && (await valueOf('sum(floodgate_requests_total{result="failed_open"})'))! > 0;
      },
      { what: 'Prometheus knows of the circuit and of calls that failed open' },
    );
    const outage = await MetricsPage.of(`${app.url}/metrics`);
    const total = (name: string, labels: RegExp): number =>
      Object.entries(outage.series(`floodgate_${name}`)).reduce(
        (sum, [series, value]) => sum + (labels.test(series) ? value : 0),
        0,
      );
    expect(total('backend_up', /"redis"/)).toBe(0);
    expect(total('backend_failures_total', /"redis"/)).toBeGreaterThan(0);
    expect(total('backend_call_duration_seconds_count', /"redis".*"consume".*"failure"/)).toBeGreaterThan(0);
    expect(total('backend_call_duration_seconds_count', /"redis".*"consume".*"success"/)).toBeGreaterThan(0);
    expect(total('breaker_transitions_total', /"backend:redis",to="open"/)).toBeGreaterThan(0);

    await redis.restart();
    await eventually(
      async () => {
        await books();
        return (await valueOf('floodgate_backend_up{backend="redis"}')) === 1;
      },
      { what: 'Prometheus knows of its end', timeoutMs: 20_000 },
    );
    await eventually(
      async () => {
        await books();
        const after = await MetricsPage.of(`${app.url}/metrics`);
        const closings = after.value('floodgate_breaker_transitions_total{breaker="backend:redis",to="closed"}')!;
        return after.value('floodgate_breaker_state{breaker="backend:redis",state="closed"}') === 1 && closings > 0;
      },
      { what: 'the circuit is closed again' },
    );

    for (const { targets } of BOARD.panels) {
      for (const { expr } of targets) {
        // Whatever is not there yet has no data, but each expression is one.
        await prometheus.query(expr.replaceAll('$__rate_interval', '10s').replaceAll(/\$(job|instance)/g, '.*'));
      }
    }
    const byResult = BOARD.panels.find(({ title }) => title === 'Calls by result')!.targets[0]!.expr;
    const results = await prometheus.query(
      byResult.replaceAll('$__rate_interval', '1m').replaceAll(/\$(job|instance)/g, '.*'),
    );
    expect(results.map(({ metric }) => metric['result'])).toEqual(
      expect.arrayContaining(['allowed', 'limited', 'failed_open']),
    );
  });
});
