import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { firstValueFrom, from, type Observable, of, Subject, throwError } from 'rxjs';
import { HeldCall, heldCallOf } from '../../../lib/guard/held-call.js';
import type { HeldSlots } from '../../../lib/limiter/held-slots.js';
import { callOf } from './calls.js';

async function* counting(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

/** A call that holds slots, and what became of them, in order. */
function heldCall() {
  const told: string[] = [];
  const slots = { keep: () => told.push('keep'), lapse: () => told.push('lapse') };
  const context = callOf('rpc', [{}, {}]);
  HeldCall.register(context, slots as unknown as HeldSlots, () => told.push('end'));
  return { told, call: heldCallOf(context)! };
}

/** What the caller gets of a handler that answers with one value. */
const answered = <T>(call: HeldCall, answer: unknown): Promise<T> =>
  firstValueFrom(call.during(of(answer)) as Observable<T>);

describe('a call that holds slots', () => {
  it('is found by its context, and no other call is', () => {
    const context = callOf('rpc', [{}, {}]);
    expect(heldCallOf(context)).toBeUndefined();
    HeldCall.register(context, {} as HeldSlots, () => undefined);
    expect(heldCallOf(context)).toBeInstanceOf(HeldCall);
    expect(heldCallOf(callOf('rpc', [{}, {}]))).toBeUndefined();
  });

  it('is not found if it has no object of its own', () => {
    const context = callOf('rpc', ['text', 1]);
    HeldCall.register(context, {} as HeldSlots, () => undefined);
    expect(heldCallOf(context)).toBeUndefined();
  });

  it('holds them from the subscription until the last answer', () => {
    const { told, call } = heldCall();
    const answers = new Subject<unknown>();
    const during = call.during(answers);
    expect(told).toEqual([]);
    const heard: unknown[] = [];
    during.subscribe((answer) => heard.push(answer));
    answers.next(1);
    answers.next(null);
    expect(told).toEqual(['keep']);
    answers.complete();
    expect(heard).toEqual([1, null]);
    expect(told).toEqual(['keep', 'end']);
  });

  it.each<[string, (call: HeldCall) => void]>([
    ['an error', (call) => void call.during(throwError(() => 'broken')).subscribe({ error: () => undefined })],
    ['a subscriber that leaves', (call) => call.during(new Subject()).subscribe().unsubscribe()],
  ])('holds them until %s', (_what, run) => {
    const { told, call } = heldCall();
    run(call);
    expect(told).toEqual(['keep', 'end']);
  });

  it('holds them until the last of its streams has ended, and then ends once', async () => {
    const { told, call } = heldCall();
    const [one, other] = [new PassThrough(), new PassThrough()];
    call.during(from([one, other])).subscribe();
    expect(told).toEqual(['keep']);
    for (const stream of [one, other]) {
      expect(told).toEqual(['keep']);
      await new Promise((closed) => stream.destroy().once('close', closed));
    }
    expect(told).toEqual(['keep', 'end']);
    one.emit('close');
    expect(told).toEqual(['keep', 'end']);
  });

  it('hands a stream on as it is', async () => {
    const stream = new PassThrough();
    expect(await answered(heldCall().call, stream)).toBe(stream);
  });

  it('does not wait for an event emitter that is no stream', async () => {
    const { told, call } = heldCall();
    await answered(call, new EventEmitter());
    expect(told).toEqual(['keep', 'end']);
  });

  it('lets them lapse while an iteration waits for its reader, keeps them while it is read, and ends with it', async () => {
    const { told, call } = heldCall();
    const iteration = await answered<AsyncGenerator<number>>(call, counting());
    expect(told).toEqual(['keep', 'lapse']);
    expect(await iteration.next()).toEqual({ done: false, value: 1 });
    expect(told).toEqual(['keep', 'lapse', 'keep']);
    expect(await iteration.next()).toEqual({ done: false, value: 2 });
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
    expect(told).toEqual(['keep', 'lapse', 'keep', 'end']);
    await iteration.return(undefined);
    expect(told).toEqual(['keep', 'lapse', 'keep', 'end']);
  });

  it('does not count the end of an iteration twice', async () => {
    const { told, call } = heldCall();
    const iterations: AsyncGenerator<number>[] = [];
    call.during(from([counting(), counting()])).subscribe((one) => iterations.push(one as AsyncGenerator<number>));
    const [one, other] = iterations as [AsyncGenerator<number>, AsyncGenerator<number>];
    await one.return(undefined);
    await one.return(undefined);
    expect(told).not.toContain('end');
    await other.return(undefined);
    expect(told.filter((what) => what === 'end')).toHaveLength(1);
  });

  it('holds them for each time that an iterable is read', async () => {
    const { told, call } = heldCall();
    const answers = new Subject<unknown>();
    const heard: AsyncIterable<number>[] = [];
    call.during(answers).subscribe((answer) => heard.push(answer as AsyncIterable<number>));
    answers.next({ [Symbol.asyncIterator]: counting });
    const [iterable] = heard as [AsyncIterable<number>];
    expect(iterable).not.toHaveProperty('next');
    for (let time = 0; time < 2; time += 1) {
      const values: number[] = [];
      for await (const value of iterable) values.push(value);
      expect(values).toEqual([1, 2]);
    }
    expect(told).toEqual(['keep', 'lapse', 'keep', 'keep']);
    answers.complete();
    expect(told).toEqual(['keep', 'lapse', 'keep', 'keep', 'end']);
  });
});
