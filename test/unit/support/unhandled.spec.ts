import { setImmediate as turn } from 'node:timers/promises';
import { collectUnhandled, expectNoUnhandled } from '../../support/unhandled.js';

describe('collectUnhandled', () => {
  it('collects a rejection that nobody handles', async () => {
    const { result, unhandled } = await collectUnhandled(() => {
      void Promise.reject(new Error('lost'));
      return 'done';
    });
    expect(result).toBe('done');
    expect(unhandled).toEqual([new Error('lost')]);
  });

  it('collects an exception outside of any call', async () => {
    const { unhandled } = await collectUnhandled(async () => {
      setImmediate(() => {
        throw new Error('thrown');
      });
      await turn();
    });
    expect(unhandled).toEqual([new Error('thrown')]);
  });

  it('leaves what is handled alone', async () => {
    const { unhandled } = await collectUnhandled(() => Promise.reject(new Error('handled')).catch(() => undefined));
    expect(unhandled).toEqual([]);
  });

  it('lets the error of the block itself through', async () => {
    await expect(collectUnhandled(() => Promise.reject(new Error('of the block')))).rejects.toThrow('of the block');
  });
});

describe('expectNoUnhandled', () => {
  it('answers the result of a clean block', async () => {
    expect(await expectNoUnhandled(() => 42)).toBe(42);
  });

  it('names all that was not handled', async () => {
    const block = (): void => {
      void Promise.reject(new Error('first'));
      void Promise.reject(new Error('second'));
    };
    await expect(expectNoUnhandled(block)).rejects.toThrow('2 unhandled: Error: first; Error: second');
  });
});
