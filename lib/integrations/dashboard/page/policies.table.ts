import { sentenceOf } from '../../../simulate/policy-report.js';
import type { DashboardPolicy } from '../dashboard.schema.js';
import { type ButtonDescription, buttons, count, figure, name, picture, sentence, text } from './columns.js';
import { element, setAttribute } from './dom.js';
import { duration, share, whole } from './format.js';
import { TrendPicture } from './pictures.js';
import { type Column, Table } from './table.js';

const limit = text<DashboardPolicy>('Limit', ({ quota }) =>
  quota === null ? 'several' : `${whole(quota.limit)} in ${duration(quota.windowMs)}`,
);

const shadowButton = (policy: string, on: boolean): ButtonDescription => ({
  text: on ? 'To shadow' : 'Enforce',
  label: on ? `Put ${policy} into shadow` : `Enforce ${policy}`,
  action: 'shadow',
  body: { on, policies: [policy] },
});

const keyOf = (policy: DashboardPolicy): string => policy.name;

/** Policies that refuse. */
export class PoliciesTable {
  private chosen = '';
  private readonly table: Table<DashboardPolicy>;

  /**
   * @param choose shows one policy in the chart
   * @param mayAct whether the page may act
   */
  constructor(choose: (policy: string) => void, mayAct: () => boolean) {
    this.table = new Table<DashboardPolicy>({
      id: 'policies',
      nothing: 'No call has met a policy yet.',
      keyOf,
      columns: [
        this.chooser(choose),
        limit,
        picture('Lately: allowed, refused above', () => {
          const { node, show } = new TrendPicture('limited');
          return { node, show: ({ allowed, limited }) => show(allowed, limited) };
        }),
        count('Allowed', ({ totals }) => totals.allowed),
        count('Limited', ({ totals }) => totals.limited),
        figure('Share', ({ totals }) => share(totals.limited, totals.allowed + totals.limited)),
        buttons(mayAct, ({ name: policy }) => [shadowButton(policy, true)]),
      ],
    });
  }

  show(policies: readonly DashboardPolicy[], chosen: string): void {
    this.chosen = chosen;
    this.table.show(policies);
  }

  private chooser(choose: (policy: string) => void): Column<DashboardPolicy> {
    return {
      title: 'Policy',
      className: 'name',
      fill: (cell, policy) => {
        const button = element('button', { class: 'link', type: 'button', title: 'Show it in the chart' }, policy.name);
        button.addEventListener('click', () => choose(policy.name));
        cell.append(button);
        return (one) => setAttribute(button, 'aria-pressed', String(one.name === this.chosen));
      },
    };
  }
}

/**
 * Policies that only tell.
 * @param mayAct whether the page may act
 */
export const shadowTable = (mayAct: () => boolean): Table<DashboardPolicy> =>
  new Table<DashboardPolicy>({
    id: 'shadow',
    nothing: 'No shadow policy.',
    keyOf,
    columns: [
      name('Policy', keyOf),
      limit,
      picture('Lately: would pass, would be refused above', () => {
        const { node, show } = new TrendPicture('shadow');
        return { node, show: ({ allowed, shadowLimited }) => show(allowed, shadowLimited) };
      }),
      count('Calls', ({ totals }) => totals.allowed + totals.shadowLimited),
      count('Would refuse', ({ totals }) => totals.shadowLimited),
      figure('Share', ({ totals }) => share(totals.shadowLimited, totals.allowed + totals.shadowLimited)),
      sentence('If it enforced', ({ trial }) => (trial === null ? '–' : `It ${sentenceOf(trial)}.`)),
      buttons(mayAct, ({ name: policy }) => [shadowButton(policy, false)]),
    ],
  });
