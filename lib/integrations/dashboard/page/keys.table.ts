import type { DashboardKey, DashboardState } from '../dashboard.schema.js';
import { buttons, figure, name, text } from './columns.js';
import { element } from './dom.js';
import { clockTime, whole } from './format.js';
import { Table } from './table.js';

/** @param now the state that is shown */
export const keysTable = (now: () => DashboardState): Table<DashboardKey> =>
  new Table<DashboardKey>({
    id: 'keys',
    nothing: 'Nobody was refused lately.',
    keyOf: ({ policy, keyHash }) => `${keyHash} ${policy}`,
    columns: [
      name('Key', ({ key, keyHash }) => element('code', {}, key ?? keyHash)),
      text('Policy', ({ policy }) => policy),
      figure('Refused lately', ({ limited, atMostOver }) => `${atMostOver > 0 ? 'about ' : ''}${whole(limited)}`),
      text('Last', ({ lastMs }) => clockTime(lastMs)),
      buttons(
        () => now().actions,
        ({ policy, key, keyHash }) => [
          {
            text: 'Reset',
            label: `Reset ${key ?? keyHash} of ${policy}`,
            action: 'reset-key',
            body: { policy, keyHash },
          },
        ],
      ),
    ],
  });
