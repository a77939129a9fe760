import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { BREAKER_STATES } from '../metric-labels.js';
import type { MetricInstruments, Metrics } from '../metrics.js';

/** Bounds of a call to a backend, in seconds: from memory to a deadline. */
const CALL_BOUNDARIES = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The instruments that events feed. */
export function otelInstruments(meter: Meter): MetricInstruments {
  const requests = meter.createCounter('floodgate.requests', {
    description: 'Calls by policy, result and who decided.',
    unit: '{request}',
  });
  const nearLimit = meter.createCounter('floodgate.near_limit', {
    description: 'Allowed calls that left less than a fifth of the limit.',
    unit: '{request}',
  });
  const calls = meter.createHistogram('floodgate.backend.call.duration', {
    description: 'Duration of calls to backends.',
    unit: 's',
    advice: { explicitBucketBoundaries: CALL_BOUNDARIES },
  });
  const failures = meter.createCounter('floodgate.backend.failures', {
    description: 'Calls to backends that failed because of their infrastructure.',
    unit: '{call}',
  });
  const transitions = meter.createCounter('floodgate.breaker.transitions', {
    description: 'Changes of state of circuit breakers.',
    unit: '{transition}',
  });
  const evictions = meter.createCounter('floodgate.evictions', {
    description: 'Live counters that memory dropped to stay within maxKeys.',
    unit: '{key}',
  });
  const slots = meter.createGauge('floodgate.slots.in_use', {
    description: 'Slots of concurrency policies that this process holds.',
    unit: '{slot}',
  });
  const queue = meter.createGauge('floodgate.queue.length', {
    description: 'Calls that wait in this process.',
    unit: '{call}',
  });
  const waits = meter.createHistogram('floodgate.queue.wait', { description: 'How long calls waited.', unit: 's' });
  return {
    request: (policy, result, source) =>
      requests.add(1, { 'floodgate.policy': policy, 'floodgate.result': result, 'floodgate.source': source }),
    nearLimit: (policy) => nearLimit.add(1, { 'floodgate.policy': policy }),
    backendCall: (backend, verb, outcome, seconds) =>
      calls.record(seconds, { 'floodgate.backend': backend, 'floodgate.verb': verb, 'floodgate.outcome': outcome }),
    backendFailure: (backend, reason) => failures.add(1, { 'floodgate.backend': backend, 'error.type': reason }),
    breakerTransition: (breaker, to) =>
      transitions.add(1, { 'floodgate.breaker': breaker, 'floodgate.breaker.state': to }),
    evictions: (count) => evictions.add(count),
    slots: (policy, inUse) => slots.record(inUse, { 'floodgate.policy': policy }),
    queueLength: (policy, length) => queue.record(length, { 'floodgate.policy': policy }),
    queueWait: (policy, seconds) => waits.record(seconds, { 'floodgate.policy': policy }),
  };
}

/**
 * The instruments that are read at each collection.
 * @returns a function that ends it
 */
export function otelReadings(meter: Meter, metrics: Metrics): () => void {
  const observed: readonly [
    name: string,
    unit: string,
    description: string,
    read: (result: ObservableResult) => void,
  ][] = [
    [
      'floodgate.breaker.state',
      '1',
      'State of circuit breakers: 1 for the current one, 0 for the others.',
      (result) => {
        for (const [breaker, present] of metrics.breakerStates()) {
          for (const state of BREAKER_STATES) {
            const attributes: Attributes = { 'floodgate.breaker': breaker, 'floodgate.breaker.state': state };
            result.observe(state === present ? 1 : 0, attributes);
          }
        }
      },
    ],
    [
      'floodgate.backend.up',
      '1',
      'Whether the last call to a backend succeeded: 1 or 0.',
      (result) => {
        for (const [backend, up] of metrics.backendsUp()) result.observe(up ? 1 : 0, { 'floodgate.backend': backend });
      },
    ],
    [
      'floodgate.memory.keys',
      '{key}',
      'Counters in memory in this process.',
      (result) => result.observe(metrics.memoryKeys()),
    ],
  ];
  const stops = observed.map(([name, unit, description, read]) => {
    const gauge = meter.createObservableGauge(name, { unit, description });
    gauge.addCallback(read);
    return () => gauge.removeCallback(read);
  });
  return () => stops.forEach((stop) => stop());
}
