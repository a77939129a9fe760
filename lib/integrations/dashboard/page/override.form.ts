import { act } from './actions.js';
import { byId, element, KeyedList } from './dom.js';

/** The form by which a key gets another limit. */
export class OverrideForm {
  private readonly form = byId('override') as HTMLFormElement;
  private readonly names = new KeyedList<string>(byId('policy-names'), String, (value) => ({
    node: element('option', { value }),
    update: () => undefined,
  }));

  constructor() {
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const { policy = '', key = '', to = '' } = this.fields();
      void act(`Override ${policy} for ${key}`, 'override-policy', { policy, key, to });
    });
    this.form.querySelector('[name=remove]')?.addEventListener('click', () => {
      const { policy = '', key = '' } = this.fields();
      void act(`Remove the override of ${policy} for ${key}`, 'remove-override', { policy, key });
    });
  }

  /** @param shown whether the page may act */
  show(shown: boolean, policies: readonly string[]): void {
    this.form.hidden = !shown;
    this.names.show(policies);
  }

  private fields(): Readonly<Record<string, string>> {
    const entries = [...new FormData(this.form)].map(([name, value]) => [
      name,
      typeof value === 'string' ? value.trim() : '',
    ]);
    return Object.fromEntries(entries) as Record<string, string>;
  }
}
