import type { DashboardState } from '../dashboard.schema.js';

interface Verdict {
  readonly text: string;
  readonly tone: 'good' | 'warn' | 'bad';
}

const CONSEQUENCE: Readonly<Record<DashboardState['failureMode'], string>> = {
  closed: 'limited calls get 503',
  open: 'calls pass without limits',
  local: 'this process enforces the limits alone',
};

/** The state of the limiter in one sentence. */
export function verdictOf({ backends, breakers, failureMode }: DashboardState): Verdict {
  const down = backends.filter(({ up }) => !up).map(({ name }) => name);
  if (down.length > 0) {
    const others = backends.filter(({ up }) => up).map(({ name }) => name);
    const consequence = others.length > 0 ? `${others.join(', ')} counts instead` : CONSEQUENCE[failureMode];
    return { text: `${down.join(', ')} is down: ${consequence}`, tone: others.length > 0 ? 'warn' : 'bad' };
  }
  const open = breakers.filter(({ state }) => state !== 'closed').map(({ name }) => name);
  if (open.length > 0) return { text: `Circuits not closed: ${open.join(', ')}`, tone: 'warn' };
  return { text: 'All limits are enforced', tone: 'good' };
}
