import { eventually } from '../../support/eventually.js';

describe('eventually', () => {
  it('answers what the condition answers once it holds', async () => {
    const answers = [0, undefined, 'now'];
    expect(await eventually(() => answers.shift(), { intervalMs: 1 })).toBe('now');
  });

  it('takes an error for not yet', async () => {
    let calls = 0;
    const condition = (): string => {
      if (++calls < 3) throw new Error('not yet');
      return 'now';
    };
    expect(await eventually(condition, { intervalMs: 1 })).toBe('now');
  });

  it('tells what it waited for, and the last answer', async () => {
    await expect(eventually(() => null, { what: 'the moon rises', timeoutMs: 20, intervalMs: 1 })).rejects.toThrow(
      'Waited 20 ms in vain until the moon rises: the last answer was null',
    );
  });

  it('keeps the last error as the cause', async () => {
    const cause = new Error('no connection');
    const waiting = eventually(() => Promise.reject(cause), { timeoutMs: 20, intervalMs: 1 });
    await expect(waiting).rejects.toMatchObject({ message: expect.stringContaining('no connection'), cause });
  });

  it('does not wait for a condition that hangs', async () => {
    await expect(eventually(() => new Promise<never>(() => undefined), { timeoutMs: 20 })).rejects.toThrow(
      'the last attempt did not come back',
    );
  });
});
