import { RecencyMap } from '../../../lib/contracts/recency-map.js';
import { randomWholeNumbers } from '../../support/random-numbers.js';

it('agrees with a map whose keys are deleted and set again, whatever is done', () => {
  const below = randomWholeNumbers(7);
  const map = new RecencyMap<number>();
  /** Recently used last. */
  const model = new Map<string, number>();
  for (let step = 0; step < 10_000; step += 1) {
    const key = `key-${below(8)}`;
    const known = model.get(key);
    switch (below(4)) {
      case 0:
        map.set(key, step);
        model.delete(key);
        model.set(key, step);
        break;
      case 1:
        map.delete(key);
        model.delete(key);
        break;
      default:
        map.touch(key);
        if (known !== undefined && model.delete(key)) model.set(key, known);
    }
    const [leastRecent] = model.keys();
    expect([map.size, map.get(key), map.leastRecent]).toEqual([model.size, model.get(key), leastRecent]);
  }
});
