import { register } from 'node:module';

/** Writes the file of breaker state over and over, until it is killed. */
register('../../support/worker-hooks.js', import.meta.url);
const { fileBreakerState } = await import('../../../lib/fleet/file.breaker-state.js');

const store = fileBreakerState({ path: process.env['CHURN_PATH'] ?? '' });
await store.open({ heard() {}, resumed() {}, warn() {}, away() {}, back() {} });
process.send?.('started');
for (let step = 1; ; step += 1) {
  const reports = Array.from({ length: 500 }, (_, index) => ({
    circuit: `Shop.pay-${index}`,
    state: /** @type {const} */ ('open'),
    step,
    tripCount: step,
    dueInMs: 60_000,
  }));
  store.tell(reports);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
