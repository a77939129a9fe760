const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

export const whole = (value: number): string => WHOLE.format(value);

/** A rate: small ones with a digit more. */
export const rate = (value: number): string =>
  value === 0 ? '0' : value < 10 ? value.toFixed(1) : WHOLE.format(value);

export const share = (part: number, all: number): string => (all === 0 ? '–' : PERCENT.format(part / all));

export const milliseconds = (value: number): string =>
  value >= 100 ? `${WHOLE.format(value)} ms` : `${value.toFixed(value >= 1 ? 1 : 2)} ms`;

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A length of time in its two largest units: `2h 5m`. */
export function duration(lengthMs: number): string {
  const parts: string[] = [];
  let left = Math.round(lengthMs / 1_000) * 1_000;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0
    ? lengthMs > 0 && lengthMs < 500
      ? `${Math.round(lengthMs)}ms`
      : '0s'
    : parts.slice(0, 2).join(' ');
}

export const clockTime = (atMs: number): string => new Date(atMs).toLocaleTimeString(undefined, { hour12: false });
