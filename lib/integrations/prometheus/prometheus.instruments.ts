import { BREAKER_STATES } from '../metric-labels.js';
import type { MetricInstruments, Metrics } from '../metrics.js';
import type { RegisteredMetrics } from './registered-metrics.js';

/** Bounds of a call to a backend, in seconds: from memory to a deadline. */
const CALL_BUCKETS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Bounds of a wait in a queue, in seconds. */
const WAIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics that events feed. */
export function prometheusInstruments(make: RegisteredMetrics): MetricInstruments {
  const requests = make.tally('requests_total', 'Calls by policy, result and who decided.', [
    'policy',
    'result',
    'source',
  ]);
  const nearLimit = make.tally('near_limit_total', 'Allowed calls that left less than a fifth of the limit.', [
    'policy',
  ]);
  const calls = make.histogram(
    'backend_call_duration_seconds',
    'Duration of calls to backends.',
    ['backend', 'verb', 'outcome'],
    CALL_BUCKETS,
  );
  const failures = make.counter(
    'backend_failures_total',
    'Calls to backends that failed because of their infrastructure.',
    ['backend', 'reason'],
  );
  const transitions = make.counter('breaker_transitions_total', 'Changes of state of circuit breakers.', [
    'breaker',
    'to',
  ]);
  const evictions = make.counter('evictions_total', 'Live counters that memory dropped to stay within maxKeys.', []);
  const slots = make.gauge('slots_in_use', 'Slots of concurrency policies that this process holds.', ['policy']);
  const queue = make.gauge('queue_length', 'Calls that wait in this process.', ['policy']);
  const waits = make.histogram('queue_wait_seconds', 'How long calls waited.', ['policy'], WAIT_BUCKETS);
  return {
    request: (policy, result, source) => requests.add(policy, result, source),
    nearLimit: (policy) => nearLimit.add(policy),
    backendCall: (backend, verb, outcome, seconds) => calls.observe(seconds, backend, verb, outcome),
    backendFailure: (backend, reason) => failures.inc({ backend, reason }),
    breakerTransition: (breaker, to) => transitions.inc({ breaker, to }),
    evictions: (count) => evictions.inc(count),
    slots: (policy, inUse) => slots.set({ policy }, inUse),
    queueLength: (policy, length) => queue.set({ policy }, length),
    queueWait: (policy, seconds) => waits.observe(seconds, policy),
  };
}

/** The metrics that are read at each scrape. */
export function prometheusReadings(make: RegisteredMetrics, metrics: Metrics): void {
  make.gauge(
    'breaker_state',
    'State of circuit breakers: 1 for the current one, 0 for the others.',
    ['breaker', 'state'],
    (gauge) => {
      gauge.reset();
      for (const [breaker, present] of metrics.breakerStates()) {
        for (const state of BREAKER_STATES) gauge.set({ breaker, state }, state === present ? 1 : 0);
      }
    },
  );
  make.gauge('backend_up', 'Whether the last call to a backend succeeded: 1 or 0.', ['backend'], (gauge) => {
    for (const [backend, up] of metrics.backendsUp()) gauge.set({ backend }, up ? 1 : 0);
  });
  make.gauge('memory_keys', 'Counters in memory in this process.', [], (gauge) => gauge.set(metrics.memoryKeys()));
}
