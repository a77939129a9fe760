import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filePolicyStore, type PolicyDocument, RateLimitConfigurationError } from 'nestjs-floodgate';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'policies-'));
});

afterEach(() => rm(folder, { recursive: true }));

const CHANGED: PolicyDocument = {
  policies: { api: '5/m', login: { limit: 3, blockFor: '15m' } },
  overrides: [{ policy: 'api', key: 'user:bot-*', to: 'blocked', until: '2027-01-01T00:00:00.000Z' }],
  shadow: ['login'],
};

describe.each(['limits.json', 'limits.yaml', 'limits.yml'])('a policy store in %s', (name) => {
  const store = () => filePolicyStore({ path: join(folder, name) });

  it('sets nothing while there is no file, or an empty one', async () => {
    expect(await store().read()).toBeUndefined();
    await writeFile(join(folder, name), ' \n');
    expect(await store().read()).toBeUndefined();
  });

  it('keeps a change, and leaves nothing else in the folder', async () => {
    await store().change(() => CHANGED);
    expect(await store().read()).toEqual(CHANGED);
    expect(await readdir(folder)).toEqual([name]);
  });

  it('takes up an edit by hand', async () => {
    const one = store();
    await one.change(() => CHANGED);
    await writeFile(join(folder, name), '{ "policies": { "api": "9/m" } }');
    expect(await one.read()).toEqual({ policies: { api: '9/m' } });
  });

  it('is away when its file vanishes, until it is there again', async () => {
    const one = store();
    await one.change(() => CHANGED);
    await rm(join(folder, name));
    await expect(one.read()).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(one.change(() => CHANGED)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(folder, name), JSON.stringify(CHANGED));
    expect(await one.read()).toEqual(CHANGED);
  });

  it('takes all back when its file is emptied', async () => {
    const one = store();
    await one.change(() => CHANGED);
    await writeFile(join(folder, name), '');
    expect(await one.read()).toBeUndefined();
  });

  it('changes nothing when the change is refused', async () => {
    const one = store();
    await one.change(() => CHANGED);
    const before = await readFile(join(folder, name), 'utf8');
    const refuse = (): never => {
      throw new RangeError('refused');
    };
    await expect(one.change(refuse)).rejects.toThrow('refused');
    expect(await readFile(join(folder, name), 'utf8')).toBe(before);
  });

  it('makes changes one after another', async () => {
    const one = store();
    const add = (count: number) => (present: PolicyDocument | undefined) => ({
      ...(present ?? CHANGED),
      policies: { ...present?.policies, [`p${count}`]: '1/m' },
    });
    await Promise.all([1, 2, 3].map((count) => one.change(add(count))));
    expect(Object.keys((await one.read())!.policies)).toEqual(['p1', 'p2', 'p3']);
  });

  it('says what is wrong with a text that cannot be read', async () => {
    await writeFile(join(folder, name), '{ "policies": [');
    await expect(store().read()).rejects.toThrow(/^policyStore: received .*limits.*cannot be read/);
  });
});

describe('a policy store in a file', () => {
  it('says which endings it knows', () => {
    expect(() => filePolicyStore({ path: '/etc/limits.toml' })).toThrow('.json, .yaml or .yml');
  });
});

it.each([[5], [''], [undefined]])('refuses the path %j at start-up', (path) => {
  const make = (): unknown => filePolicyStore({ path: path as string });
  expect(make).toThrow(RateLimitConfigurationError);
  expect(make).toThrow('filePolicyStore.path');
});
