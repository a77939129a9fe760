import { byId, setText } from './dom.js';

const SHOWN_MS = 4_000;
let hiding: ReturnType<typeof setTimeout> | undefined;

/** Where the page's files and its API are. */
export const BASE = document.documentElement.dataset['base'] ?? './';

/** Asks the server to change something, and says what became of it. */
export async function act(label: string, action: string, body: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(`${BASE}api/actions/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => undefined);
  tell(response?.ok === true ? `${label}: done.` : `${label}: failed (${response?.status ?? 'no answer'}).`);
}

function tell(text: string): void {
  const notice = byId('notice');
  setText(notice, text);
  clearTimeout(hiding);
  hiding = setTimeout(() => setText(notice, ''), SHOWN_MS);
}
