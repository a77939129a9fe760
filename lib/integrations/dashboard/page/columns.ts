import { act, type ActionBody } from './actions.js';
import { element, setAttribute, setText } from './dom.js';
import { whole } from './format.js';
import type { Column } from './table.js';

export type Tone = 'good' | 'warn' | 'bad';

/** A cell that holds a text. */
export const text = <T>(title: string, textOf: (item: T) => string): Column<T> => ({
  title,
  fill: (cell) => (item) => setText(cell, textOf(item)),
});

/** A cell that holds a sentence. */
export const sentence = <T>(title: string, textOf: (item: T) => string): Column<T> => ({
  ...text(title, textOf),
  className: 'sentence',
});

/** A cell that holds a figure. */
export const figure = <T>(title: string, textOf: (item: T) => string): Column<T> => ({
  ...text(title, textOf),
  className: 'number',
});

export const count = <T>(title: string, countOf: (item: T) => number): Column<T> =>
  figure(title, (item) => whole(countOf(item)));

/** The cell that names the row, which never changes. */
export const name = <T>(title: string, nameOf: (item: T) => string | Node): Column<T> => ({
  title,
  className: 'name',
  fill: (cell, item) => {
    cell.append(nameOf(item));
    return () => undefined;
  },
});

/** A cell that tells a state, in a colour. */
export const state = <T>(stateOf: (item: T) => { readonly text: string; readonly tone: Tone }): Column<T> => ({
  title: 'State',
  fill: (cell) => {
    const pill = element('span', { class: 'pill' });
    cell.append(pill);
    return (item) => {
      const { text: told, tone } = stateOf(item);
      setText(pill, told);
      setAttribute(pill, 'data-tone', tone);
    };
  },
});

/** A cell with a picture. */
export const picture = <T>(title: string, make: () => { readonly node: Node; show: (item: T) => void }): Column<T> => ({
  title,
  className: 'trend',
  fill: (cell) => {
    const { node, show } = make();
    cell.append(node);
    return show;
  },
});

/** What a button does. */
export interface ButtonDescription {
  readonly text: string;
  readonly label: string;
  readonly action: string;
  readonly body: ActionBody;
}

/** A cell with buttons, where the page may act. */
export const buttons = <T>(allowed: () => boolean, of: (item: T) => readonly ButtonDescription[]): Column<T> => ({
  title: '',
  className: 'actions',
  fill: (cell, item) => {
    if (allowed()) cell.append(...of(item).map(buttonOf));
    return () => undefined;
  },
});

function buttonOf({ text: shown, label, action, body }: ButtonDescription): HTMLElement {
  const button = element('button', { type: 'button', 'aria-label': label }, shown);
  button.addEventListener('click', () => void act(label, action, body));
  return button;
}
