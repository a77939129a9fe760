import { decisionFor, firstSight, keepDecision } from '../../../lib/guard/request-decision.js';
import { notCounted } from '../../../lib/limiter/decisions.js';
import { callOf, httpCall } from './calls.js';

const decision = notCounted('disabled');

describe('the decision of a call', () => {
  it.each([
    ['a request', 'http', {}],
    ['a request that takes no properties', 'http', Object.freeze({})],
    ['a message', 'rpc', {}],
    ['a frozen message', 'rpc', Object.freeze({})],
  ])('is kept with %s, for that call alone', (_what, type, call) => {
    keepDecision(callOf(type, [call]), decision);
    expect(decisionFor(callOf(type, [call]))).toBe(decision);
    expect(decisionFor(callOf(type, [{}]))).toEqual(notCounted('skipped'));
  });

  it('is not written into a message, which is the application’s', () => {
    const message = {};
    keepDecision(callOf('rpc', [message]), decision);
    expect(Reflect.ownKeys(message)).toEqual([]);
  });

  it('is the last one', () => {
    const call = httpCall();
    keepDecision(call, notCounted('skipped'));
    keepDecision(call, decision);
    expect(decisionFor(call)).toBe(decision);
  });

  it('is not kept for a call without an object of its own', () => {
    const call = callOf('rpc', ['text']);
    keepDecision(call, decision);
    expect(decisionFor(call)).toEqual(notCounted('skipped'));
  });
});

it('sees a context for the first time once', () => {
  const call = httpCall();
  expect([firstSight(call), firstSight(call), firstSight(httpCall())]).toEqual([true, false, true]);
});
