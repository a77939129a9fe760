import { byId, setText } from './dom.js';

const SHOWN_MS = 4_000;
let hiding: ReturnType<typeof setTimeout> | undefined;

/** The parameters of an action. */
export type ActionBody = Readonly<Record<string, string | boolean | readonly string[]>>;

/** Where the page's files and its API are. */
export const BASE = document.documentElement.dataset['base'] ?? './';

/** Asks the server to change something, and says what became of it. */
export async function act(label: string, action: string, body: ActionBody): Promise<void> {
  const response = await fetch(`${BASE}api/actions/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => undefined);
  if (response?.ok === true) return tell(`${label}: done.`);
  const answer = (await response?.json().catch(() => undefined)) as { readonly message?: unknown } | undefined;
  tell(
    `${label}: failed. ${typeof answer?.message === 'string' ? answer.message : (response?.status ?? 'No answer.')}`,
  );
}

function tell(text: string): void {
  const notice = byId('notice');
  setText(notice, text);
  clearTimeout(hiding);
  hiding = setTimeout(() => setText(notice, ''), SHOWN_MS);
}
