import { byId, element, KeyedList } from './dom.js';

/** A column: makes what a cell holds, and answers what updates it. */
export interface Column<T> {
  readonly title: string;
  readonly className?: 'name' | 'number' | 'trend' | 'sentence' | 'actions';
  readonly fill: (cell: HTMLElement, item: T) => (item: T) => void;
}

export interface TableDescription<T> {
  /** Where it goes, and what names it: `#<id>` and `#<id>-title`. */
  readonly id: string;
  /** What is said where there are no items. */
  readonly nothing: string;
  readonly keyOf: (item: T) => string;
  readonly columns: readonly Column<T>[];
}

/** A table that is updated cell by cell. */
export class Table<T> {
  private readonly list: KeyedList<T>;
  private readonly table: HTMLElement;
  private readonly empty: HTMLElement;

  constructor({ id, nothing, keyOf, columns }: TableDescription<T>) {
    const heads = columns.map(({ title, className = '' }) => element('th', { scope: 'col', class: className }, title));
    const head = element('thead', {}, element('tr', {}, ...heads));
    const body = element('tbody');
    this.table = element('table', { 'aria-labelledby': `${id}-title` }, head, body);
    this.empty = element('p', { class: 'empty' }, nothing);
    byId(id).append(this.table, this.empty);
    this.list = new KeyedList(body, keyOf, (item) => {
      const row = element('tr');
      const updates = columns.map(({ title, className = '', fill }) => {
        const cell = element('td', { class: className, 'data-label': title });
        row.append(cell);
        return fill(cell, item);
      });
      return { node: row, update: (next) => updates.forEach((update) => update(next)) };
    });
  }

  show(items: readonly T[]): void {
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    this.list.show(items);
  }
}
