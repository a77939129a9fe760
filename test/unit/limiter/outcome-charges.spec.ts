import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { type CallOutcome, type PolicyInput } from 'nestjs-floodgate';
import { DecisionRequests } from '../../../lib/limiter/decision-requests.js';
import { OutcomeCharges, type ReservedCharges } from '../../../lib/limiter/outcome-charges.js';
import { PolicyCatalog } from '../../../lib/policies/policy-catalog.js';
import { refused, ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

const fixed = { rate: '100/m', algorithm: 'fixed-window' } as const;

const policies: Record<string, PolicyInput> = {
  plain: fixed,
  failures: { ...fixed, chargeOn: 'failure', cost: 3 },
  successes: { ...fixed, chargeOn: 'success' },
  sized: { ...fixed, chargeOn: ({ result }) => Number(result) },
  small: { ...fixed, rate: '5/m', chargeOn: ({ result }) => Number(result) },
  watched: { ...fixed, rate: '1/m', mode: 'shadow', chargeOn: 'failure' },
  broken: {
    ...fixed,
    chargeOn: () => {
      throw new Error('oops');
    },
  },
  odd: { ...fixed, chargeOn: () => Promise.reject(new Error('late')) as never },
};

let errors: string[];

beforeEach(() => {
  errors = [];
  jest.spyOn(Logger.prototype, 'error').mockImplementation(function (this: Logger, line: unknown) {
    errors.push(`[${String(Reflect.get(this, 'context'))}] ${String(line)}`);
  });
});

afterEach(() => jest.restoreAllMocks());

async function start() {
  const store = new ScriptedBackend('store');
  const app = await limiterApp({ backend: store, policies, circuitBreaker: false });
  const [requests, catalog] = [app.app.get(DecisionRequests), app.app.get(PolicyCatalog)];
  const charges = app.app.get(OutcomeCharges);
  const call = async (...names: readonly string[]): Promise<ReservedCharges | undefined> => {
    const uses = names.map((name) => {
      const policy = catalog.byName('policies', name);
      return { policy, key: 'someone', cost: policy.cost as number };
    });
    const request = requests.of(uses);
    return charges.of(request, await app.decider.decide(request));
  };
  const left = async (...names: string[]): Promise<readonly number[]> => {
    await new Promise(setImmediate);
    return (await app.service.peek('someone', names)).policies.map(({ remaining }) => remaining);
  };
  return { ...app, store, call, left };
}

describe('the charge of a call, once its outcome is known', () => {
  it.each<[readonly string[], CallOutcome, readonly number[]]>([
    [['failures'], { status: 200 }, [100]],
    [['failures'], { status: 500 }, [97]],
    [['successes'], { status: 200 }, [99]],
    [['successes'], { error: new Error('broken') }, [100]],
    [['plain', 'failures', 'successes'], { status: 200 }, [99, 100, 99]],
    [['plain', 'failures', 'successes'], { status: 404 }, [99, 97, 100]],
    [['sized'], { result: 1 }, [99]],
    [['sized'], { result: 0 }, [100]],
    [['sized'], { result: 7 }, [93]],
    [['small'], { result: 9 }, [0]],
    [['plain', 'sized'], { result: 7 }, [99, 93]],
  ])('of %j that ends with %j', async (names, outcome, expected) => {
    await using app = await start();
    const reserved = await app.call(...names);
    reserved!.settle(outcome);
    expect(await app.left(...names)).toEqual(expected);
    expect(errors).toEqual([]);
  });

  it('changes nothing in the store if what was reserved is due', async () => {
    await using app = await start();
    const reserved = await app.call('failures', 'sized');
    app.store.drain();
    reserved!.settle({ status: 500, result: 1 });
    await new Promise(setImmediate);
    expect(app.store.drain()).toEqual([]);
  });

  it('may leave a debt', async () => {
    await using app = await start();
    (await app.call('small'))!.settle({ result: 9 });
    expect(await app.left('small')).toEqual([0]);
    await app.service.refund('someone', 'small', 4);
    expect(await app.left('small')).toEqual([0]);
    await app.service.refund('someone', 'small', 1);
    expect(await app.left('small')).toEqual([1]);
  });
});

describe('a call without reserved units', () => {
  it('is one of policies that charge every outcome', async () => {
    await using app = await start();
    expect(await app.call('plain')).toBeUndefined();
  });

  it('is one that was refused', async () => {
    await using app = await start();
    await app.service.consume('someone', 'small', { cost: 5 });
    expect(await app.call('small')).toBeUndefined();
    expect(await app.call('small', 'failures')).toBeUndefined();
    expect(await app.left('failures')).toEqual([100]);
  });

  it('is one that only a shadow policy refused', async () => {
    await using app = await start();
    expect(await app.call('watched')).toBeDefined();
    expect(await app.call('watched')).toBeUndefined();
    const reserved = await app.call('watched', 'failures');
    reserved!.settle({ status: 200 });
    expect(await app.left('failures')).toEqual([100]);
  });
});

describe('a charge that cannot be corrected', () => {
  it('stays, and is logged once for its policy', async () => {
    await using app = await start();
    for (let time = 0; time < 2; time += 1) {
      const reserved = await app.call('broken', 'odd', 'failures');
      reserved!.settle({ status: 200 });
    }
    expect(await app.left('broken', 'odd', 'failures')).toEqual([98, 98, 100]);
    expect(errors).toEqual([
      "[RateLimit] Policy 'broken': chargeOn failed, and its calls stay charged: oops",
      "[RateLimit] Policy 'odd': chargeOn failed, and its calls stay charged: It returned a promise: return true, false or a whole number of at least 0.",
    ]);
  });

  it.each([
    ['an outage, of which the calls tell', refused(), []],
    ['a bug', new TypeError('a bug'), ["[RateLimit] Policy 'failures': The charge could not be corrected: a bug"]],
    ['what is no error', 'oops', ["[RateLimit] Policy 'failures': The charge could not be corrected: oops"]],
  ])('because of %s', async (_what, error, expected) => {
    await using app = await start();
    const reserved = await app.call('failures');
    app.store.error = error;
    reserved!.settle({ status: 200 });
    await new Promise(setImmediate);
    app.store.error = undefined;
    expect(errors).toEqual(expected);
    expect(await app.left('failures')).toEqual([97]);
  });
});
