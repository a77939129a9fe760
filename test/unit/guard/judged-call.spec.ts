import { PassThrough } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { CallOutcome } from 'nestjs-floodgate';
import { JudgedCall, judgedCallOf } from '../../../lib/guard/judged-call.js';
import { callOf } from './calls.js';

/** A call whose charges depend on its outcome, and the outcomes by which they were settled. */
function judgedCall() {
  const settled: CallOutcome[] = [];
  const context = callOf('rpc', [{}, {}]);
  const call = new JudgedCall(context, { settle: (outcome) => settled.push(outcome) });
  return { call, context, settled };
}

const broken = new Error('broken');

describe('a call that is charged by its outcome', () => {
  it('is found by its context, and no other call is', () => {
    const { call, context } = judgedCall();
    expect(judgedCallOf(context)).toBe(call);
    expect(judgedCallOf(callOf('rpc', [{}, {}]))).toBeUndefined();
  });

  it('is not found if it has no object of its own', () => {
    const context = callOf('rpc', ['text']);
    const call = new JudgedCall(context, { settle: () => undefined });
    expect(call).toBeInstanceOf(JudgedCall);
    expect(judgedCallOf(context)).toBeUndefined();
  });

  it.each<[string, (call: JudgedCall) => void, CallOutcome]>([
    ['nothing', (call) => call.ended(), {}],
    ['a result', (call) => (call.returned('ok'), call.ended()), { result: 'ok' }],
    ['the last of several results', (call) => (call.returned(1), call.returned(2), call.ended()), { result: 2 }],
    ['an error', (call) => call.threw(broken), { error: broken }],
    ['a result and an error', (call) => (call.returned(1), call.threw(broken)), { result: 1, error: broken }],
    ['a status', (call) => call.over(204), { status: 204 }],
    ['a result and a status', (call) => (call.returned('ok'), call.over(200)), { result: 'ok', status: 200 }],
  ])('is settled by %s', (_what, run, outcome) => {
    const { call, settled } = judgedCall();
    run(call);
    expect(settled).toEqual([outcome]);
  });

  it('is settled once', () => {
    const { call, settled } = judgedCall();
    call.ended();
    call.ended();
    call.threw(broken);
    call.over(500);
    expect(settled).toEqual([{}]);
  });

  it.each<[string, (call: JudgedCall) => void, CallOutcome]>([
    ['its handler ends', (call) => (call.returned('ok'), call.ended()), { result: 'ok', status: 200 }],
    ['its handler throws', (call) => call.threw(broken), { error: broken, status: 200 }],
  ])('waits for the status that its transport will report, when %s', (_what, run, outcome) => {
    const { call, settled } = judgedCall();
    call.awaitsAnswer();
    run(call);
    expect(settled).toEqual([]);
    call.over(200);
    expect(settled).toEqual([outcome]);
  });

  it('stays charged for a client that disconnected, whatever comes later', () => {
    const { call, settled } = judgedCall();
    call.over(undefined);
    call.threw(broken);
    call.over(500);
    expect(settled).toEqual([]);
  });
});

describe('a stream that a call returns', () => {
  const outcomeOf = (result: unknown, stream: PassThrough): CallOutcome | undefined => {
    const { call, settled } = judgedCall();
    call.awaitsAnswer();
    call.returned(result);
    // Without a listener of its own, an error of a stream ends the process.
    stream.once('error', () => undefined).emit('error', broken);
    call.over(200);
    return settled[0];
  };

  it.each<[string, (stream: PassThrough) => unknown]>([
    ['itself', (stream) => stream],
    ['in a file', (stream) => new StreamableFile(stream)],
  ])('is a failure when it breaks: returned %s', (_how, wrap) => {
    const stream = new PassThrough();
    const result = wrap(stream);
    expect(outcomeOf(result, stream)).toEqual({ result, error: broken, status: 200 });
  });

  it('is a failure if it broke before', async () => {
    const stream = new PassThrough();
    const errors: unknown[] = [];
    stream.once('error', (error) => errors.push(error));
    await new Promise((closed) => stream.once('close', closed).destroy(broken));
    const { call, settled } = judgedCall();
    call.returned(stream);
    call.ended();
    expect(settled).toEqual([{ result: stream, error: broken }]);
    expect(stream.listenerCount('error')).toBe(0);
  });

  it('still ends the process if nobody handles its error', () => {
    const stream = new PassThrough();
    judgedCall().call.returned(stream);
    expect(() => stream.emit('error', broken)).toThrow('broken');
  });

  it.each([
    ['has no once', { pipe: () => undefined }],
    ['has no pipe', { once: () => fail('listened to') }],
    ['gets something else as its stream', { getStream: () => ({ once: () => fail('listened to') }) }],
    ['has a text for getStream', { getStream: 'x' }],
    ['is a text', 'text'],
    ['is null', null],
  ])('is no stream if it %s', (_what, result) => {
    const { call, settled } = judgedCall();
    call.returned(result);
    call.ended();
    expect(settled).toEqual([{ result }]);
  });
});

function fail(what: string): never {
  throw new Error(what);
}
