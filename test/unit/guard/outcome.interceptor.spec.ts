import { firstValueFrom, of, throwError } from 'rxjs';
import { HeldCall, heldCallOf } from '../../../lib/guard/held-call.js';
import { JudgedCall } from '../../../lib/guard/judged-call.js';
import { OutcomeInterceptor } from '../../../lib/guard/outcome.interceptor.js';
import type { HeldSlots } from '../../../lib/limiter/held-slots.js';
import { callOf } from './calls.js';

const interceptor = new OutcomeInterceptor();
const slots = { keep: () => undefined, lapse: () => undefined } as unknown as HeldSlots;

describe('what a handler answers', () => {
  it.each([
    ['nothing', false, false],
    ['its outcome', true, false],
    ['its slots', false, true],
    ['both', true, true],
  ])('goes on as it is, for a call that depends on %s', async (_what, isJudged, isHeld) => {
    const told: unknown[] = [];
    const context = callOf('rpc', [{}, {}]);
    if (isJudged) new JudgedCall(context, { settle: (outcome) => told.push(outcome) });
    if (isHeld) HeldCall.register(context, slots, () => told.push('end'));
    const answers = interceptor.intercept(context, { handle: () => of('ok') });
    expect(await firstValueFrom(answers)).toBe('ok');
    const broken = interceptor.intercept(context, { handle: () => throwError(() => 'broken') });
    await expect(firstValueFrom(broken)).rejects.toBe('broken');
    expect(heldCallOf(context) !== undefined).toBe(isHeld);
    expect(told.filter((one) => one !== 'end').length).toBe(isJudged ? 1 : 0);
    expect(told.includes('end')).toBe(isHeld);
  });
});
