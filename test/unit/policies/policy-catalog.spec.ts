import type { PolicyInput } from 'nestjs-floodgate';
import { PolicyCatalog, type PolicySite } from '../../../lib/policies/policy-catalog.js';
import { checkApart } from '../../../lib/policies/policy-identity.js';
import { thrownBy } from './thrown.js';

const site = (place: string, owner = 'Cats.find', route = owner): PolicySite => ({
  option: `@RateLimit() of ${owner}`,
  owner,
  place,
  route,
});

const catalog = new PolicyCatalog({
  login: '5/15m',
  search: { rate: '9/m', scope: 'route' },
  'Cats.find:0': '1/m',
  'Cats.find:x': '1/m',
});

const idOf = (place: PolicySite, input: Parameters<typeof catalog.at>[1]): string => catalog.at(place, input).policy.id;

describe('the module names policies', () => {
  it('and hands them out by name', () => {
    expect(catalog.byName('apply', 'login').policy).toMatchObject({
      id: 'login#sliding-window',
      name: 'login',
      limit: 5,
    });
  });

  it('and keeps those that need a request for routes', () => {
    const ask = (): string => '5/m';
    const dynamic = new PolicyCatalog({ plan: ask });
    expect(dynamic.dynamicByName('plan')).toBe(ask);
    expect(thrownBy(() => dynamic.forService('plan'))).toMatchObject({
      option: 'policies',
      received: 'plan',
      mend: expect.stringContaining('use it on routes'),
    });
  });

  it.each<[string, Record<string, PolicyInput>, string]>([
    ['policies', { 'a/b': '5/m' }, 'a slash would make it a rate'],
    ['policies', { 'a/b': () => '5/m' }, 'a slash would make it a rate'],
    ['policies.login.name', { login: { name: 'other', rate: '5/m' } }, "the name is 'login'"],
    ['policies.login.rate', { login: 'often' }, 'Give whole units'],
    ['policies.login.rate', { login: 'api' }, 'Give whole units'],
    ['policies.login', { login: null as unknown as string }, 'Give a rate'],
    ['policies.login.name', { login: { name: 5 as unknown as string, rate: '5/m' } }, 'Leave it out'],
    ['policies', { 'log in': '5/m' }, 'letters, digits'],
    ['policies.login.burst', { login: { rate: '5/m', burst: 5 } }, 'Only a token bucket'],
  ])('and refuses at %s what is wrong', (option, policies, mend) => {
    expect(thrownBy(() => new PolicyCatalog(policies))).toMatchObject({
      option,
      message: expect.stringContaining(mend),
    });
  });

  it('and lists them where an unknown one is used', () => {
    expect(() => catalog.byName('apply', 'logni')).toThrow(
      "apply: received 'logni'. There is no policy of that name. The policies are 'login', 'search', 'Cats.find:0', 'Cats.find:x'.",
    );
    expect(() => new PolicyCatalog({}).byName('apply', 'toString')).toThrow('The module names no policies');
  });

  it('within what the backend offers', () => {
    expect(
      () => new PolicyCatalog({ a: { rate: '5/m', algorithm: 'sliding-log' } }, { algorithms: ['fixed-window'] }),
    ).toThrow("policies.a.algorithm: received 'sliding-log'. The backend does not offer it; it offers 'fixed-window'.");
  });
});

describe('a counter', () => {
  it('is one for all uses of a named policy', () => {
    expect(idOf(site('0'), 'login')).toBe(idOf(site('1', 'Dogs'), 'login'));
    expect(catalog.forService('login').policy.id).toBe(idOf(site('0'), 'login'));
  });

  it('is one for each route with scope route', () => {
    expect(idOf(site('0', 'Cats', 'Cats.a'), 'search')).not.toBe(idOf(site('0', 'Cats', 'Cats.b'), 'search'));
    const inline = { rate: '5/m', scope: 'route' } as const;
    expect(idOf(site('0', 'Cats', 'Cats.a'), inline)).not.toBe(idOf(site('0', 'Cats', 'Cats.b'), inline));
  });

  it.each<[string, PolicySite, PolicyInput, PolicySite, PolicyInput]>([
    ['two places', site('0'), '5/m', site('1'), '5/m'],
    ['two owners', site('0'), '5/m', site('0', 'Dogs.find'), '5/m'],
    ['two names', site('0'), { name: 'a', rate: '5/m' }, site('0'), { name: 'b', rate: '5/m' }],
    ['a place and a name that reads like it', site('0'), '5/m', site('1'), { name: '0', rate: '5/m' }],
    ['what is written here and a name of the module that reads like it', site('0'), '5/m', site('0'), 'Cats.find:0'],
    [
      'a name here and one of the module that reads like it',
      site('0'),
      { name: 'x', rate: '1/m' },
      site('0'),
      'Cats.find:x',
    ],
    ['two algorithms', site('0'), '5/m', site('0'), { rate: '5/m', algorithm: 'fixed-window' }],
    ['a name of the module and the same name here', site('0'), 'login', site('0'), { name: 'login', rate: '5/15m' }],
  ])('is not shared by %s', (_what, oneSite, one, otherSite, other) => {
    expect(idOf(oneSite, one as string)).not.toBe(idOf(otherSite, other as string));
  });

  it('of a service call is named by what it says', () => {
    expect(catalog.forService('5/m').policy.id).toBe(catalog.forService({ limit: 5, window: 60_000 }).policy.id);
    expect(catalog.forService('5/m').policy.id).not.toBe(catalog.forService('6/m').policy.id);
    expect(catalog.forService('5/m').policy.id).not.toBe(catalog.forService('login').policy.id);
  });
});

describe('a service call', () => {
  it('compiles what it is given once', () => {
    const options = { rate: '5/m' };
    expect(catalog.forService(options)).toBe(catalog.forService(options));
    expect(catalog.forService('5/m')).toBe(catalog.forService('5/m'));
  });

  it('refuses a dynamic policy', () => {
    expect(() => catalog.forService(() => '5/m')).toThrow(
      'policies: received a function. A dynamic policy needs a request',
    );
  });

  it('holds no more rates than a thousand', () => {
    const many = new PolicyCatalog({});
    const first = many.forService('1/m');
    for (let limit = 2; limit <= 1_001; limit += 1) many.forService(`${limit}/m`);
    expect(many.forService('1/m')).not.toBe(first);
    expect(many.forService('1/m')).toEqual(first);
  });
});

describe('two policies of one counter', () => {
  const compiled = (...inputs: PolicyInput[]) => inputs.map((input) => catalog.forService(input));

  it('may say the same', () => {
    expect(() => checkApart('policies', compiled('5/m', { limit: 5, window: '1m' }, 'login', 'login'))).not.toThrow();
  });

  it.each<[PolicyInput]>([[{ rate: '5/m', blockFor: '1h' }], [{ rate: '5/m', mode: 'shadow' }]])(
    'are not two of no name that say different things: %j',
    (other) => {
      const [one, two] = compiled('5/m', other).map(({ policy }) => policy.id);
      expect(one).not.toBe(two);
    },
  );

  it.each<[PolicyInput, PolicyInput]>([
    [
      { name: 'a', rate: '5/m' },
      { name: 'a', rate: '6/m' },
    ],
  ])('may not say different things: %j and %j', (one, other) => {
    expect(thrownBy(() => checkApart('policies', compiled(one, other)))).toMatchObject({
      option: 'policies',
      message: expect.stringContaining('Two different policies'),
    });
  });
});
