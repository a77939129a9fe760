/** A value, and under each further label's value another one. */
interface Node<T> {
  value: T | undefined;
  next: Map<string, Node<T>> | undefined;
}

/** One value for each combination of up to three labels' values, found without making a text of them. */
export class LabelTree<T> {
  private readonly root: Node<T> = { value: undefined, next: undefined };

  /** @param make makes what a new combination begins with */
  constructor(private readonly make: () => T) {}

  at(first: string, second?: string, third?: string): T {
    let node = childOf(this.root, first);
    if (second !== undefined) node = childOf(node, second);
    if (third !== undefined) node = childOf(node, third);
    return (node.value ??= this.make());
  }

  /** All that were made, with the values of their labels. */
  entries(): readonly (readonly [labels: readonly string[], value: T])[] {
    return entriesOf(this.root, []);
  }
}

function childOf<T>(node: Node<T>, label: string): Node<T> {
  const next = (node.next ??= new Map<string, Node<T>>());
  let child = next.get(label);
  if (child === undefined) {
    child = { value: undefined, next: undefined };
    next.set(label, child);
  }
  return child;
}

function entriesOf<T>(
  { value, next }: Node<T>,
  labels: readonly string[],
): readonly (readonly [readonly string[], T])[] {
  const own = value === undefined ? [] : [[labels, value] as const];
  return [...own, ...[...(next ?? [])].flatMap(([label, node]) => entriesOf(node, [...labels, label]))];
}
