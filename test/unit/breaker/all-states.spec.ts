import { BOUNDS } from './all-states/witness.js';
import {
  after,
  FIRST_WORLD,
  identity,
  MOST_TICKS,
  recovers,
  type Step,
  steps,
  type World,
} from './all-states/world.js';

interface Found {
  readonly world: World;
  readonly from: number;
  readonly step: Step | undefined;
}

/** All that can come of the first world, breadth first; each state is looked at once. */
function explore(): { states: number; transitions: number; slowest: number } {
  const known = new Set([identity(FIRST_WORLD)]);
  const found: Found[] = [{ world: FIRST_WORLD, from: -1, step: undefined }];
  let transitions = 0;
  let slowest = 0;
  for (let place = 0; place < found.length; place += 1) {
    const { world } = found[place] as Found;
    for (const step of steps(world)) {
      transitions += 1;
      try {
        const next = after(world, step);
        const name = identity(next);
        if (known.has(name)) continue;
        known.add(name);
        found.push({ world: next, from: place, step });
        slowest = Math.max(slowest, recovers(next));
      } catch (error) {
        throw new Error(`${(error as Error).message}: ${[...story(found, place), told(step)].join(', ')}`, {
          cause: error,
        });
      }
    }
  }
  return { states: found.length, transitions, slowest };
}

/** The shortest way to a state. */
function story(found: readonly Found[], place: number): string[] {
  const { from, step } = found[place] as Found;
  return step === undefined ? [] : [...story(found, from), told(step)];
}

const told = ({ verb, place }: Step): string => (place < 0 ? verb : `${verb} ${place + 1}`);

it('keeps the invariants of docs/model/breaker.tla in every state that some callers and time can bring about', () => {
  const { states, transitions, slowest } = explore();
  if (process.env['FIGURES'] !== undefined) console.log({ callers: BOUNDS.callers, states, transitions, slowest });
  // As many as docs/how-it-is-tested.md tells: a step that is no longer taken would go unnoticed.
  expect(states).toBeGreaterThanOrEqual(12_325);
  expect(transitions).toBeGreaterThanOrEqual(213_498);
  expect(slowest).toBeLessThanOrEqual(MOST_TICKS);
});
