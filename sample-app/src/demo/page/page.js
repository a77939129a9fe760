/**
 * @typedef {{ backend: 'up' | 'down', name: string, breaker?: string }} BackendState
 * @typedef {{ partner: 'up' | 'down', breaker?: string }} PartnerState
 * @typedef {{ answered: number, limited: number, unavailable: number, failed: number }} Counts
 * @typedef {{ steady: boolean, recent: Counts, clients: { client: string, strip: string }[] }} LoadState
 * @typedef {{ failureMode: 'closed' | 'open' | 'local', backend: BackendState, partner: PartnerState, load: LoadState }} State
 * @typedef {{ text: string, tone: 'good' | 'warn' | 'bad' }} Verdict
 */

const SVG = 'http://www.w3.org/2000/svg';

/** How long an action that failed is told of, in ms. */
const NOTICE_MS = 6_000;

const DURING_OUTAGE = {
  closed: 'Backend away: limited routes answer 503',
  open: 'Backend away: calls pass without limits',
  local: 'Backend away: this process counts by itself',
};

/** @type {State | undefined} */
let state;

/** @param {string} id */
function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no ${id}`);
  return found;
}

/**
 * Writes only what changed, so that a screen reader is told of nothing else.
 *
 * @param {string} id
 * @param {string} text
 * @param {string} [tone]
 */
function show(id, text, tone) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
  if (tone !== undefined) element.dataset['tone'] = tone;
}

/**
 * @param {State} state
 * @returns {Verdict}
 */
function verdictOf({ failureMode, backend, load: { recent, steady } }) {
  if (backend.backend === 'down') return { text: DURING_OUTAGE[failureMode], tone: 'bad' };
  if (backend.breaker !== 'closed') return { text: 'Backend is back: the next calls try it', tone: 'warn' };
  if (recent.limited > 0) return { text: 'One client calls too often: it gets 429', tone: 'warn' };
  if (steady || recent.answered > 0) return { text: 'All calls are within their limits', tone: 'good' };
  return { text: 'Calm: nothing is sent', tone: 'good' };
}

/** @param {BackendState} backend */
function showBackend({ backend, name, breaker }) {
  const redis = name === 'redis';
  const isUp = backend === 'up';
  show('backend-state', `${name}: ${isUp ? 'up' : 'away'}, circuit ${breaker ?? 'off'}`, toneOf(isUp, breaker));
  show(
    'backend-help',
    redis
      ? 'Cuts the connections of this process to Redis for real. The server itself is not touched.'
      : 'Counts in this process. The outage is simulated; with REDIS_URL it is a real one.',
  );
  show('backend', isUp ? 'Take the backend away' : 'Bring the backend back');
  byId('backend').setAttribute('aria-pressed', String(!isUp));
}

/** @param {PartnerState} partner */
function showPartner({ partner, breaker }) {
  const isUp = partner === 'up';
  show('partner-state', `${isUp ? 'up' : 'away'}, circuit ${breaker ?? 'closed'}`, toneOf(isUp, breaker));
  show('partner', isUp ? 'Take the partner away' : 'Bring the partner back');
  byId('partner').setAttribute('aria-pressed', String(!isUp));
}

/**
 * @param {boolean} isUp
 * @param {string} [breaker]
 */
function toneOf(isUp, breaker = 'closed') {
  if (!isUp) return 'bad';
  return breaker === 'closed' ? 'good' : 'warn';
}

/** @param {LoadState} load */
function showLoad({ steady, recent, clients }) {
  byId('steady').setAttribute('aria-pressed', String(steady));
  show('steady', steady ? 'Stop the stream' : 'Start a stream');
  for (const outcome of /** @type {const} */ (['answered', 'limited', 'unavailable'])) {
    show(outcome, String(recent[outcome]));
  }
  byId('strips').replaceChildren(...clients.map(({ client, strip }) => rowOf(client, strip)));
}

/**
 * A client's last minute, a mark for each second in which it called.
 *
 * @param {string} client
 * @param {string} strip
 */
function rowOf(client, strip) {
  const row = document.createElement('li');
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${strip.length} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  [...strip].forEach((letter, second) => {
    if (letter === '-') return;
    const worst = letter.toLowerCase();
    svg.append(markOf(worst, second, 0, 1));
    // Some calls of this second were answered.
    if (letter !== worst) svg.append(markOf('a', second, 0.5, 0.5));
  });
  row.append(client, svg);
  return row;
}

/**
 * @param {string} kind
 * @param {number} second
 * @param {number} top
 * @param {number} height
 */
function markOf(kind, second, top, height) {
  const mark = document.createElementNS(SVG, 'rect');
  mark.setAttribute('class', kind);
  mark.setAttribute('x', String(second + 0.1));
  mark.setAttribute('y', String(top));
  mark.setAttribute('width', '0.8');
  mark.setAttribute('height', String(height));
  return mark;
}

/** @param {string} text */
function tell(text) {
  const notice = byId('notice');
  notice.textContent = text;
  notice.hidden = false;
  setTimeout(() => (notice.hidden = true), NOTICE_MS);
}

/** @param {string} path */
async function act(path) {
  try {
    const response = await fetch(`/demo/${path}`, { method: 'POST' });
    if (response.ok) return;
    const { message } = /** @type {{ message: string }} */ (await response.json());
    tell(`That did not work: ${message}`);
  } catch {
    tell('The server does not answer.');
  }
}

byId('steady').addEventListener('click', () => void act(state?.load.steady ? 'load/stop' : 'load/start'));
byId('burst').addEventListener('click', () => void act('load/burst'));
byId('backend').addEventListener(
  'click',
  () => void act(`backend/${state?.backend.backend === 'down' ? 'up' : 'down'}`),
);
byId('partner').addEventListener(
  'click',
  () => void act(`partner/${state?.partner.partner === 'down' ? 'up' : 'down'}`),
);
show('port', location.port === '' ? '' : `:${location.port}`);

const stream = new EventSource('/demo/stream');
stream.onmessage = (/** @type {MessageEvent<string>} */ { data }) => {
  const next = /** @type {State} */ (JSON.parse(data));
  state = next;
  showBackend(next.backend);
  showPartner(next.partner);
  showLoad(next.load);
  const { text, tone } = verdictOf(next);
  show('verdict', text, tone);
};
stream.onerror = () => show('verdict', 'Connection lost, trying again…', 'bad');

// The live page is of this origin: it stands here in full, so that there is one scroll bar. It may be loaded before this
// script runs; until it comes, the frame holds an empty page.
const live = /** @type {HTMLIFrameElement} */ (byId('live'));
live.addEventListener('load', standInFull);
standInFull();

function standInFull() {
  const page = live.contentDocument?.body;
  if (!page || page.ownerDocument.URL === 'about:blank') return;
  const fit = () => (live.style.height = `${page.offsetHeight + 2}px`);
  new ResizeObserver(fit).observe(page);
  fit();
}
