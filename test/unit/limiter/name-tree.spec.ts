import { NameTree } from '../../../lib/limiter/name-tree.js';

it('has one place for a list of names, and for a name the place of a list of it alone', () => {
  const tree = new NameTree<string>(100);
  const kept = (names: unknown, value: string): void => void (tree.at(names)!.kept = value);
  kept([], 'none');
  kept('a', 'a');
  kept(['a', 'b'], 'a, b');
  kept(['b', 'a'], 'b, a');
  kept(['ab'], 'ab');
  expect(['a', 'ab', 'b'].map((name) => tree.at(name)?.kept)).toEqual(['a', 'ab', undefined]);
  expect([[], ['a'], ['a', 'b'], ['b', 'a'], ['ab'], ['a', 'b', 'a']].map((names) => tree.at(names)?.kept)).toEqual([
    'none',
    'a',
    'a, b',
    'b, a',
    'ab',
    undefined,
  ]);
});

it('has no place for what is no list of names', () => {
  const tree = new NameTree(100);
  expect([undefined, null, 5, {}, [5], ['a', {}], [['a']]].map((names) => tree.at(names))).toEqual(
    Array.from({ length: 7 }, () => undefined),
  );
});

it('forgets everything before it has too many names, and goes on', () => {
  const tree = new NameTree<number>(3);
  for (const name of ['a', 'b', 'c']) tree.at(name)!.kept = 1;
  expect(tree.at('a')?.kept).toBe(1);
  tree.at('d')!.kept = 2;
  expect(['a', 'd'].map((name) => tree.at(name)?.kept)).toEqual([undefined, 2]);
});

it('forgets lists too, however they begin', () => {
  const tree = new NameTree<number>(4);
  for (const last of ['b', 'c', 'd']) tree.at(['a', last])!.kept = 1;
  expect(tree.at(['a', 'b'])?.kept).toBe(1);
  tree.at(['a', 'e'])!.kept = 2;
  expect(tree.at(['a', 'b'])?.kept).toBeUndefined();
  tree.at(['a', 'e'])!.kept = 3;
  expect(tree.at(['a', 'e'])?.kept).toBe(3);
});
