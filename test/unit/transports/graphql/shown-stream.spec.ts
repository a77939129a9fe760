import { CircuitOpenError } from '../../../../lib/contracts/errors.js';
import { ShownStream } from '../../../../lib/transports/graphql/shown-stream.js';

const open = (): Promise<never> => Promise.reject(CircuitOpenError.of('warehouse of the east', 1_000));

/** A stream whose every step finds a circuit open. */
const broken = { [Symbol.asyncIterator]: () => ({ next: open, return: open, throw: open }) };

it.each(['next', 'return', 'throw'] as const)('an error of %s() names no breaker', async (step) => {
  const stream = new ShownStream(broken as AsyncIterable<unknown>);
  const error: unknown = await stream[step]().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ extensions: { code: 'CIRCUIT_OPEN', retryAfterMs: 1_000 } });
  expect((error as Error).message).not.toContain('warehouse');
});

it('ends a stream that has no end of its own, and throws what it is given', async () => {
  const endless = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 1 }) }) };
  const stream = new ShownStream(endless as AsyncIterable<unknown>);
  expect(await stream.return('end')).toEqual({ done: true, value: 'end' });
  await expect(stream.throw(new Error('given'))).rejects.toThrow('given');
});
