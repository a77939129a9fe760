type Attributes = Readonly<Record<string, string>>;

/** Makes an element; children that are strings become text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Makes an element of SVG. */
export function graphic(tag: string, attributes: Attributes): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return found;
}

/** Changes a text if it is different. Otherwise a selection stays, and screen readers do not read it again. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A row of a list that is updated where it stands. */
export interface Row<T> {
  readonly node: HTMLElement;
  update(item: T): void;
}

/**
 * Keeps one row for each item. Rows are updated in place; while the keyboard's focus is within the list, none moves and
 * the one with the focus stays.
 */
export class KeyedList<T> {
  private readonly rows = new Map<string, Row<T>>();

  constructor(
    private readonly container: HTMLElement,
    private readonly keyOf: (item: T) => string,
    private readonly make: (item: T) => Row<T>,
  ) {}

  show(items: readonly T[]): void {
    const focused = this.container.contains(document.activeElement);
    const keys = new Set(items.map(this.keyOf));
    for (const [key, { node }] of this.rows) {
      if (keys.has(key) || node.contains(document.activeElement)) continue;
      node.remove();
      this.rows.delete(key);
    }
    for (const [index, item] of items.entries()) {
      const row = this.rowOf(item);
      row.update(item);
      if (!row.node.isConnected) this.container.append(row.node);
      if (focused) continue;
      const present = this.container.children[index];
      if (present !== row.node) this.container.insertBefore(row.node, present ?? null);
    }
  }

  private rowOf(item: T): Row<T> {
    const key = this.keyOf(item);
    let row = this.rows.get(key);
    if (row === undefined) {
      row = this.make(item);
      this.rows.set(key, row);
    }
    return row;
  }
}
