import type { Policy } from '../contracts/policy.js';

/** The expected status of a call: allowed, remaining, retryAfterMs, resetAfterMs. */
export type VectorDecision = readonly [
  allowed: boolean,
  remaining: number,
  retryAfterMs: number | null,
  resetAfterMs: number,
];

/**
 * One step of a vector, at a time counted from `VECTOR_START_MS`. After a refund and a reset the decision is that of a
 * peek; a change alters the policy of the steps after it, a new limit being the new burst too.
 */
export type VectorStep =
  | readonly [
      atMs: number,
      verb: 'consume' | 'overdraw' | 'peek' | 'refund' | 'reset',
      cost: number,
      expected: VectorDecision,
    ]
  | readonly [atMs: number, verb: 'change', change: Partial<Pick<Policy, 'limit' | 'windowMs'>>];

/** Calls with one key, and the precomputed status of each. */
export interface DecisionVector {
  readonly name: string;
  readonly policy: Pick<Policy, 'algorithm' | 'limit' | 'windowMs'> & Partial<Policy>;
  readonly steps: readonly VectorStep[];
}

/** 2026-01-01T00:00:00Z: a border of every window in the vectors. */
export const VECTOR_START_MS = Date.UTC(2026, 0, 1);

const FIXED_WINDOW: readonly DecisionVector[] = [
  {
    name: 'a window counts, refuses, and begins anew at its border',
    policy: { algorithm: 'fixed-window', limit: 3, windowMs: 1000 },
    steps: [
      [0, 'consume', 1, [true, 2, 0, 1000]],
      [400, 'consume', 2, [true, 0, 0, 600]],
      [400, 'consume', 1, [false, 0, 600, 600]],
      [999, 'consume', 1, [false, 0, 1, 1]],
      [1000, 'consume', 1, [true, 2, 0, 1000]],
      [1500, 'consume', 4, [false, 2, null, 500]],
      [1500, 'consume', 0, [true, 2, 0, 500]],
      [2500, 'peek', 0, [true, 3, 0, 0]],
    ],
  },
  {
    name: 'an overdraft, refunds and a reset',
    policy: { algorithm: 'fixed-window', limit: 5, windowMs: 1000 },
    steps: [
      [100, 'consume', 4, [true, 1, 0, 900]],
      [200, 'overdraw', 3, [true, 0, 0, 800]],
      [300, 'refund', 3, [true, 1, 0, 700]],
      [300, 'consume', 2, [false, 1, 700, 700]],
      [400, 'refund', 9, [true, 5, 0, 0]],
      [500, 'consume', 5, [true, 0, 0, 500]],
      [600, 'reset', 0, [true, 5, 0, 0]],
    ],
  },
  {
    name: 'the clock steps back over a border, and further',
    policy: { algorithm: 'fixed-window', limit: 2, windowMs: 1000 },
    steps: [
      [1100, 'consume', 2, [true, 0, 0, 900]],
      [900, 'consume', 1, [false, 0, 1100, 1100]],
      [1100, 'consume', 1, [false, 0, 900, 900]],
      [-500, 'consume', 1, [false, 0, 1500, 1500]],
      [999, 'consume', 1, [false, 0, 1, 1]],
      [1000, 'consume', 1, [true, 1, 0, 1000]],
    ],
  },
  {
    name: 'the limit and the window change',
    policy: { algorithm: 'fixed-window', limit: 4, windowMs: 1000 },
    steps: [
      [200, 'consume', 4, [true, 0, 0, 800]],
      [200, 'change', { limit: 6 }],
      [200, 'consume', 1, [true, 1, 0, 800]],
      [300, 'change', { windowMs: 500 }],
      [300, 'consume', 2, [false, 1, 200, 200]],
      [500, 'consume', 6, [true, 0, 0, 500]],
      [600, 'change', { windowMs: 2000 }],
      [600, 'consume', 1, [false, 0, 1400, 1400]],
      [700, 'change', { limit: 0 }],
      [700, 'consume', 1, [false, 0, null, 0]],
      [700, 'change', { limit: 6 }],
      [700, 'consume', 1, [false, 0, 1300, 1300]],
    ],
  },
  {
    name: 'a block',
    policy: { algorithm: 'fixed-window', limit: 1, windowMs: 1000, blockForMs: 2500 },
    steps: [
      [0, 'consume', 1, [true, 0, 0, 1000]],
      [10, 'consume', 1, [false, 0, 2500, 2500]],
      [1500, 'consume', 1, [false, 0, 1010, 1010]],
      [2509, 'consume', 0, [true, 0, 0, 1]],
      [2509, 'consume', 1, [false, 0, 1, 1]],
      [2510, 'consume', 1, [true, 0, 0, 490]],
    ],
  },
];

const SLIDING_WINDOW: readonly DecisionVector[] = [
  {
    name: 'the window before fades out',
    policy: { algorithm: 'sliding-window', limit: 10, windowMs: 1000 },
    steps: [
      [0, 'consume', 10, [true, 0, 0, 2000]],
      [500, 'consume', 1, [false, 0, 600, 1500]],
      [1099, 'consume', 1, [false, 0, 1, 901]],
      [1100, 'consume', 1, [true, 0, 0, 1900]],
      [1200, 'consume', 3, [false, 1, 200, 1800]],
      [1400, 'consume', 3, [true, 0, 0, 1600]],
      [2000, 'peek', 0, [true, 6, 0, 1000]],
      [2999, 'peek', 0, [true, 9, 0, 1]],
      [3000, 'peek', 0, [true, 10, 0, 0]],
    ],
  },
  {
    name: 'fractions are rounded against the caller',
    policy: { algorithm: 'sliding-window', limit: 7, windowMs: 1000 },
    steps: [
      [900, 'consume', 5, [true, 2, 0, 1100]],
      [1000, 'consume', 3, [false, 2, 200, 1000]],
      [1199, 'consume', 3, [false, 2, 1, 801]],
      [1200, 'consume', 3, [true, 0, 0, 1800]],
      [1200, 'consume', 5, [false, 0, 1134, 1800]],
      [2333, 'consume', 5, [false, 4, 1, 667]],
      [2334, 'consume', 5, [true, 0, 0, 1666]],
    ],
  },
  {
    name: 'refunds take from the current window first',
    policy: { algorithm: 'sliding-window', limit: 10, windowMs: 1000 },
    steps: [
      [0, 'consume', 6, [true, 4, 0, 2000]],
      [1000, 'consume', 2, [true, 2, 0, 2000]],
      [1000, 'refund', 1, [true, 3, 0, 2000]],
      [1000, 'refund', 4, [true, 7, 0, 1000]],
      [1500, 'peek', 0, [true, 8, 0, 500]],
      [1500, 'refund', 100, [true, 10, 0, 0]],
    ],
  },
  {
    name: 'the clock steps back over a border, and further',
    policy: { algorithm: 'sliding-window', limit: 10, windowMs: 1000 },
    steps: [
      [900, 'consume', 4, [true, 6, 0, 1100]],
      [1100, 'consume', 3, [true, 3, 0, 1900]],
      [900, 'consume', 4, [false, 3, 350, 2100]],
      [1249, 'consume', 4, [false, 3, 1, 1751]],
      [1250, 'consume', 4, [true, 0, 0, 1750]],
      [-700, 'consume', 1, [false, 0, 1200, 2700]],
      [500, 'consume', 1, [true, 0, 0, 1500]],
    ],
  },
  {
    name: 'the window and the limit change',
    policy: { algorithm: 'sliding-window', limit: 10, windowMs: 1000 },
    steps: [
      [0, 'consume', 8, [true, 2, 0, 2000]],
      [1250, 'change', { windowMs: 2000 }],
      [1250, 'consume', 5, [false, 4, 1084, 2750]],
      [2333, 'consume', 5, [false, 4, 1, 1667]],
      [2334, 'consume', 5, [true, 0, 0, 3666]],
      [2334, 'change', { limit: 20 }],
      [2334, 'peek', 0, [true, 10, 0, 3666]],
    ],
  },
];

const TOKEN_BUCKET: readonly DecisionVector[] = [
  {
    name: 'tokens come back one by one',
    policy: { algorithm: 'token-bucket', limit: 10, windowMs: 1000 },
    steps: [
      [0, 'consume', 10, [true, 0, 0, 1000]],
      [99, 'consume', 1, [false, 0, 1, 901]],
      [100, 'consume', 1, [true, 0, 0, 1000]],
      [350, 'consume', 3, [false, 2, 50, 750]],
      [400, 'consume', 3, [true, 0, 0, 1000]],
      [1400, 'peek', 0, [true, 10, 0, 0]],
    ],
  },
  {
    name: 'seven a second do not drift',
    policy: { algorithm: 'token-bucket', limit: 7, windowMs: 1000 },
    steps: [
      [0, 'consume', 7, [true, 0, 0, 1000]],
      [142, 'consume', 1, [false, 0, 1, 858]],
      [143, 'consume', 1, [true, 0, 0, 1000]],
      [285, 'consume', 1, [false, 0, 1, 858]],
      [286, 'consume', 1, [true, 0, 0, 1000]],
    ],
  },
  {
    name: 'a burst, an overdraft and refunds',
    policy: { algorithm: 'token-bucket', limit: 2, windowMs: 1000, burst: 5 },
    steps: [
      [0, 'consume', 5, [true, 0, 0, 2500]],
      [0, 'consume', 6, [false, 0, null, 2500]],
      [0, 'overdraw', 2, [true, 0, 0, 3500]],
      [1000, 'consume', 1, [false, 0, 500, 2500]],
      [1500, 'consume', 1, [true, 0, 0, 2500]],
      [1500, 'refund', 3, [true, 3, 0, 1000]],
      [1500, 'refund', 100, [true, 5, 0, 0]],
    ],
  },
  {
    name: 'the clock steps back',
    policy: { algorithm: 'token-bucket', limit: 10, windowMs: 1000 },
    steps: [
      [1000, 'consume', 10, [true, 0, 0, 1000]],
      [500, 'consume', 1, [false, 0, 100, 1000]],
      [599, 'consume', 1, [false, 0, 1, 901]],
      [600, 'consume', 1, [true, 0, 0, 1000]],
    ],
  },
  {
    name: 'the limit and the window change',
    policy: { algorithm: 'token-bucket', limit: 10, windowMs: 1000 },
    steps: [
      [0, 'consume', 10, [true, 0, 0, 1000]],
      [300, 'change', { limit: 100 }],
      [300, 'consume', 0, [true, 93, 0, 70]],
      [320, 'change', { windowMs: 10_000 }],
      [320, 'consume', 100, [false, 95, 500, 500]],
      [819, 'consume', 100, [false, 99, 1, 1]],
      [820, 'consume', 100, [true, 0, 0, 10_000]],
    ],
  },
  {
    name: 'a part of a token is carried over a change of window exactly',
    policy: { algorithm: 'token-bucket', limit: 1, windowMs: 10, burst: 3 },
    steps: [
      [0, 'consume', 3, [true, 0, 0, 30]],
      [8, 'change', { windowMs: 3_600_000 }],
      [8, 'consume', 1, [false, 0, 720_000, 7_920_000]],
      [720_007, 'consume', 1, [false, 0, 1, 7_200_001]],
      [720_008, 'consume', 1, [true, 0, 0, 10_800_000]],
    ],
  },
];

const SLIDING_LOG: readonly DecisionVector[] = [
  {
    name: 'a unit leaves exactly a window after it came',
    policy: { algorithm: 'sliding-log', limit: 3, windowMs: 1000 },
    steps: [
      [0, 'consume', 1, [true, 2, 0, 1000]],
      [300, 'consume', 1, [true, 1, 0, 1000]],
      [300, 'consume', 2, [false, 1, 700, 1000]],
      [700, 'consume', 1, [true, 0, 0, 1000]],
      [999, 'consume', 1, [false, 0, 1, 701]],
      [1000, 'consume', 1, [true, 0, 0, 1000]],
      [1100, 'consume', 3, [false, 0, 900, 900]],
      [1100, 'consume', 2, [false, 0, 600, 900]],
      [1300, 'peek', 0, [true, 1, 0, 700]],
      [2000, 'peek', 0, [true, 3, 0, 0]],
    ],
  },
  {
    name: 'refunds take the newest units first',
    policy: { algorithm: 'sliding-log', limit: 5, windowMs: 1000 },
    steps: [
      [0, 'consume', 2, [true, 3, 0, 1000]],
      [100, 'consume', 2, [true, 1, 0, 1000]],
      [200, 'refund', 3, [true, 4, 0, 800]],
      [999, 'peek', 0, [true, 4, 0, 1]],
      [1000, 'peek', 0, [true, 5, 0, 0]],
    ],
  },
  {
    name: 'overdrafts leave as they came',
    policy: { algorithm: 'sliding-log', limit: 3, windowMs: 1000 },
    steps: [
      [0, 'overdraw', 5, [true, 0, 0, 1000]],
      [500, 'overdraw', 1, [true, 0, 0, 1000]],
      [500, 'consume', 3, [false, 0, 1000, 1000]],
      [500, 'consume', 2, [false, 0, 500, 1000]],
      [1000, 'consume', 2, [true, 0, 0, 1000]],
    ],
  },
  {
    name: 'the clock steps back',
    policy: { algorithm: 'sliding-log', limit: 2, windowMs: 1000 },
    steps: [
      [500, 'consume', 1, [true, 1, 0, 1000]],
      [900, 'consume', 1, [true, 0, 0, 1000]],
      [700, 'consume', 1, [false, 0, 800, 1000]],
      [1499, 'consume', 1, [false, 0, 1, 201]],
      [1500, 'consume', 1, [true, 0, 0, 1000]],
    ],
  },
  {
    name: 'the window and the limit change',
    policy: { algorithm: 'sliding-log', limit: 4, windowMs: 1000 },
    steps: [
      [0, 'consume', 2, [true, 2, 0, 1000]],
      [600, 'consume', 2, [true, 0, 0, 1000]],
      [700, 'change', { windowMs: 500 }],
      [700, 'consume', 3, [false, 2, 400, 400]],
      [800, 'change', { limit: 1 }],
      [800, 'peek', 0, [true, 0, 0, 300]],
    ],
  },
];

const STRICT_WINDOW: readonly DecisionVector[] = [
  {
    name: 'up to 60 units each leaves exactly a window after it came',
    policy: { algorithm: 'strict-window', limit: 3, windowMs: 1000 },
    steps: [
      [0, 'consume', 1, [true, 2, 0, 1000]],
      [300, 'consume', 1, [true, 1, 0, 1000]],
      [300, 'consume', 2, [false, 1, 700, 1000]],
      [700, 'consume', 1, [true, 0, 0, 1000]],
      [999, 'consume', 1, [false, 0, 1, 701]],
      [1000, 'consume', 1, [true, 0, 0, 1000]],
      [1100, 'consume', 3, [false, 0, 900, 900]],
      [1100, 'consume', 2, [false, 0, 600, 900]],
      [2000, 'peek', 0, [true, 3, 0, 0]],
    ],
  },
  {
    name: 'beyond 60 units those of a sub-window leave with the last of them, and refunds take the newest first',
    policy: { algorithm: 'strict-window', limit: 100, windowMs: 5900 },
    steps: [
      [0, 'consume', 40, [true, 60, 0, 5900]],
      [60, 'consume', 20, [true, 40, 0, 5900]],
      [100, 'consume', 40, [true, 0, 0, 5900]],
      [200, 'consume', 1, [false, 0, 5760, 5800]],
      [5900, 'consume', 1, [false, 0, 60, 100]],
      [5959, 'consume', 1, [false, 0, 1, 41]],
      [5960, 'consume', 60, [true, 0, 0, 5900]],
      [6000, 'consume', 40, [true, 0, 0, 5900]],
      [6000, 'refund', 30, [true, 30, 0, 5900]],
      [6000, 'refund', 20, [true, 50, 0, 5860]],
      [11_859, 'peek', 0, [true, 50, 0, 1]],
      [11_860, 'peek', 0, [true, 100, 0, 0]],
    ],
  },
  {
    name: 'an overdraft leaves as it came',
    policy: { algorithm: 'strict-window', limit: 2, windowMs: 1000 },
    steps: [
      [0, 'overdraw', 5, [true, 0, 0, 1000]],
      [500, 'overdraw', 1, [true, 0, 0, 1000]],
      [500, 'consume', 2, [false, 0, 1000, 1000]],
      [500, 'consume', 1, [false, 0, 500, 1000]],
      [1000, 'consume', 1, [true, 0, 0, 1000]],
    ],
  },
  {
    name: 'the clock steps back',
    policy: { algorithm: 'strict-window', limit: 100, windowMs: 5900 },
    steps: [
      [1000, 'consume', 50, [true, 50, 0, 5900]],
      [1200, 'consume', 50, [true, 0, 0, 5900]],
      [500, 'consume', 1, [false, 0, 5900, 5900]],
      [6399, 'consume', 1, [false, 0, 1, 1]],
      [6400, 'consume', 100, [true, 0, 0, 5900]],
    ],
  },
  {
    name: 'the limit and the window change',
    policy: { algorithm: 'strict-window', limit: 100, windowMs: 5900 },
    steps: [
      [0, 'consume', 100, [true, 0, 0, 5900]],
      [100, 'change', { limit: 150 }],
      [100, 'consume', 50, [true, 0, 0, 5900]],
      [200, 'change', { windowMs: 590 }],
      [200, 'consume', 51, [false, 0, 390, 490]],
      [590, 'consume', 51, [true, 49, 0, 590]],
      [600, 'change', { limit: 3 }],
      [600, 'consume', 1, [false, 0, 580, 580]],
    ],
  },
];

/** A table of decisions for each algorithm, to be replayed on every backend whose clock can be set. */
export const DECISION_VECTORS: readonly DecisionVector[] = [
  ...FIXED_WINDOW,
  ...SLIDING_WINDOW,
  ...TOKEN_BUCKET,
  ...SLIDING_LOG,
  ...STRICT_WINDOW,
];
