import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { BackendRequest, Charge, ConsumeRequest, RefundRequest, Reply } from '../../lib/contracts/backend.js';
import { backendConformance } from '../../lib/testing/conformance.js';
import { manualClock } from '../support/manual-clock.js';

const clock = manualClock();

const withCharges = <R extends BackendRequest>(request: R, change: (charge: Charge) => Charge): R => ({
  ...request,
  charges: request.charges.map(change),
});

const onlyFirst = (request: BackendRequest): BackendRequest => ({ ...request, charges: request.charges.slice(0, 1) });

const tick = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Backends that each break one promise, and the case that must find it. */
const BROKEN: readonly (readonly [defect: string, caughtBy: string, Backend: new () => MemoryBackend])[] = [
  [
    'charges refused calls',
    'never charges a refused call',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        if (!reply.allowed) super.consume({ ...request, overdraw: true });
        return reply;
      }
    },
  ],
  [
    'charges the policies that allow a call which another refuses',
    'charges none if policy 2 of 3 refuses',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const replies = request.charges.map((charge) => super.consume({ ...request, charges: [charge] }));
        const [first] = replies as [Reply, ...Reply[]];
        return {
          ...first,
          allowed: replies.every(({ allowed }) => allowed),
          policies: replies.flatMap(({ policies }) => policies),
        };
      }
    },
  ],
  [
    'leaks across keys that begin alike',
    'counts every key for itself',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        return super.consume(withCharges(request, (one) => ({ ...one, key: one.key.slice(0, 250) })));
      }
    },
  ],
  [
    'joins policy id and key with a separator',
    'never takes a part of a key for a part of a policy id',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        return super.consume(
          withCharges(request, ({ policy, key, cost }) => ({
            policy: { ...policy, id: policy.algorithm },
            key: `${policy.id}:${key}`,
            cost,
          })),
        );
      }
    },
  ],
  [
    'drops the case of keys',
    'counts every key for itself',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        return super.consume(withCharges(request, (one) => ({ ...one, key: one.key.toLowerCase() })));
      }
    },
  ],
  [
    'charges what it peeks',
    'peeks without charging',
    class extends Broken() {
      override peek(request: BackendRequest): Reply {
        super.consume(request);
        return super.peek(request);
      }
    },
  ],
  [
    'refunds beyond the limit',
    'never gives back more than the full quota',
    class extends Broken() {
      private readonly given = new Map<string, number>();
      override refund(request: RefundRequest): void {
        for (const { key, cost } of request.charges) this.given.set(key, cost);
      }
      override consume(request: ConsumeRequest): Reply {
        return super.consume(
          withCharges(request, (one) => ({ ...one, cost: Math.max(0, one.cost - (this.given.get(one.key) ?? 0)) })),
        );
      }
    },
  ],
  [
    'ignores when a refunded charge was made',
    'gives nothing back for a charge that has left its window',
    class extends Broken() {
      override refund({ charges, timeoutMs }: RefundRequest): void {
        super.refund({ charges, timeoutMs });
      }
    },
  ],
  [
    'tells to retry a millisecond late',
    'tells the exact retryAfter',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        return {
          ...reply,
          policies: reply.policies.map((status) => ({
            ...status,
            retryAfterMs: status.retryAfterMs ? status.retryAfterMs + 1 : status.retryAfterMs,
          })),
        };
      }
    },
  ],
  [
    'takes a cost above the capacity for a matter of time',
    'refuses for ever',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        const policies = reply.policies.map((status) => ({ ...status, retryAfterMs: status.retryAfterMs ?? 1000 }));
        return { ...reply, policies };
      }
    },
  ],
  [
    'prolongs a block',
    'does not prolong a block',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        if (reply.allowed || !request.charges.some(({ policy }) => policy.blockForMs > 0)) return reply;
        super.reset(request);
        super.consume({ ...request, overdraw: true });
        return super.consume(request);
      }
    },
  ],
  [
    'lets a shadow policy refuse',
    'lets pass what only a shadow policy refuses',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        return { ...reply, allowed: reply.policies.every(({ allowed }) => allowed) };
      }
    },
  ],
  [
    'forgets everything when a window changes',
    'mints nothing when the window changes',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        return super.consume(
          withCharges(request, (one) => ({
            ...one,
            policy: { ...one.policy, id: `${one.policy.id}${one.policy.windowMs}` },
          })),
        );
      }
    },
  ],
  [
    'refuses an overdraft',
    'goes into debt by an overdraft',
    class extends Broken() {
      override consume({ charges, timeoutMs }: ConsumeRequest): Reply {
        return super.consume({ charges, timeoutMs });
      }
    },
  ],
  [
    'answers in another order',
    'decides on every algorithm that counts in one call, in the order asked',
    class extends Broken() {
      override consume(request: ConsumeRequest): Reply {
        const reply = super.consume(request);
        return { ...reply, policies: [...reply.policies].reverse() };
      }
    },
  ],
  [
    'resets more than it was asked to',
    'resets that policy of that key, and nothing else',
    class extends Broken() {
      override reset(): void {
        super.close();
      }
    },
  ],
  [
    'resets the first charge of a call only',
    'resets every policy and key of a call',
    class extends Broken() {
      override reset(request: BackendRequest): void {
        super.reset(onlyFirst(request));
      }
    },
  ],
  [
    'peeks at the first charge of a call only',
    'peeks at every policy and key of a call',
    class extends Broken() {
      override peek(request: BackendRequest): Reply {
        return super.peek(onlyFirst(request));
      }
    },
  ],
  [
    'peeks in another order',
    'peeks at every policy and key of a call, in the order asked',
    class extends Broken() {
      override peek(request: BackendRequest): Reply {
        const reply = super.peek(request);
        return { ...reply, policies: [...reply.policies].reverse() };
      }
    },
  ],
  [
    'tells fractions of a unit',
    'peeks without charging',
    class extends Broken() {
      override peek(request: BackendRequest): Reply {
        const reply = super.peek(request);
        return {
          ...reply,
          policies: reply.policies.map((status) => ({ ...status, remaining: status.remaining - 0.5 })),
        };
      }
    },
  ],
];

/** A sound backend to break. A function, since classes above extend it before it could be a constant. */
function Broken(): new () => MemoryBackend {
  return class extends MemoryBackend {
    constructor() {
      super({ clock });
    }
  };
}

/** Decides in two steps, between which others come in. */
class Racing extends MemoryBackend {
  constructor() {
    super({ clock });
  }

  async racingConsume(request: ConsumeRequest): Promise<Reply> {
    const trial = super.consume(request);
    if (!trial.allowed) return trial;
    super.refund(request);
    await tick();
    return super.consume({ ...request, overdraw: true });
  }
}

/** Gives back in two steps: what is charged between them is lost. */
class Forgetting extends MemoryBackend {
  private readonly meanwhile: ConsumeRequest[] = [];
  private refunds = 0;

  constructor() {
    super({ clock });
  }

  override consume(request: ConsumeRequest): Reply {
    const reply = super.consume(request);
    if (reply.allowed && this.refunds > 0) this.meanwhile.push(request);
    return reply;
  }

  async forgettingRefund(request: RefundRequest): Promise<void> {
    this.refunds += 1;
    await tick();
    this.refunds -= 1;
    super.refund(request);
    for (const lost of this.meanwhile.splice(0)) super.refund(lost);
  }
}

async function failures(create: () => MemoryBackend): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of backendConformance({ name: 'broken', clock, create })) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe('the conformance suite', () => {
  it('passes the backend that the broken ones are made of', async () => {
    expect(await failures(() => new (Broken())())).toEqual([]);
  });

  it.each(BROKEN)('fails a backend that %s: %s', async (_defect, caughtBy, Backend) => {
    expect(await failures(() => new Backend())).toContainEqual(expect.stringContaining(caughtBy));
  });

  it('fails a backend that looks first and charges later', async () => {
    const racing = (): MemoryBackend => {
      const backend = new Racing();
      return Object.assign(backend, { consume: (request: ConsumeRequest) => backend.racingConsume(request) });
    };
    expect(await failures(racing)).toContain('fixed-window: admits exactly the limit to callers at the same time');
  });

  it('fails a backend that loses what is charged while something is given back', async () => {
    const forgetting = (): MemoryBackend => {
      const backend = new Forgetting();
      return Object.assign(backend, { refund: (request: RefundRequest) => backend.forgettingRefund(request) });
    };
    expect(await failures(forgetting)).toContain(
      'fixed-window: loses nothing of what is charged and given back at the same time',
    );
  });

  it('lists no case that needs a clock for a store whose clock cannot be set', () => {
    const create = (): MemoryBackend => new MemoryBackend({});
    const without = backendConformance({ name: 'real', create });
    const withClock = backendConformance({ name: 'set', clock, create });
    expect(without.length).toBeGreaterThan(100);
    expect(withClock.length).toBeGreaterThan(without.length);
  });

  it('asks only for the algorithms that a backend claims', () => {
    const create = (): MemoryBackend => new MemoryBackend({});
    const names = backendConformance({ name: 'one', create, algorithms: ['fixed-window'] }).map(({ name }) => name);
    expect(names.filter((name) => /^(sliding|token)/.test(name))).toEqual([]);
  });
});
