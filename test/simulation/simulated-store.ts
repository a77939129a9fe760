import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { RefusalCache } from '../../lib/backends/refusal-cache.js';
import type { Backend, BackendRequest, ConsumeRequest, RefundRequest, Reply } from '../../lib/contracts/backend.js';
import { between, type Random } from './random.js';
import type { Timeline } from './timeline.js';

/** A way through the network, one way, ms. */
const [LEAST_MS, MOST_MS] = [0.2, 1.5];

/** A store that every process of a simulated fleet asks, with a network between. */
export class SimulatedStore {
  /** Calls that it was asked. */
  asked = 0;
  private readonly memory: MemoryBackend;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
  ) {
    this.memory = new MemoryBackend({ clock: () => Math.floor(timeline.nowMs) });
  }

  /** What a process has of it: `refusals` as `redisBackend()` keeps them. */
  connection(refusals: RefusalCache | undefined): Backend {
    const lower = async (request: BackendRequest, run: () => void): Promise<void> => {
      refusals?.drop(request);
      await this.ask(run);
      refusals?.drop(request);
    };
    return {
      name: 'store',
      recall: (request: ConsumeRequest) => refusals?.find(request),
      consume: async (request: ConsumeRequest): Promise<Reply> => {
        const sentMs = this.timeline.nowMs;
        const reply = await this.ask(() => this.memory.consume(request));
        if (reply.allowed) refusals?.charged(request);
        else refusals?.keep(request, { reply, states: request.charges.map(() => undefined), sentMs });
        return reply;
      },
      peek: (request: BackendRequest) => this.memory.peek(request),
      refund: (request: RefundRequest) => lower(request, () => this.memory.refund(request)),
      reset: (request: BackendRequest) => lower(request, () => this.memory.reset(request)),
      ping: () => undefined,
      close: () => undefined,
    };
  }

  private ask<T>(answer: () => T): Promise<T> {
    this.asked += 1;
    return new Promise((resolve) => {
      this.timeline.after(between(this.random, LEAST_MS, MOST_MS), () => {
        const answered = answer();
        this.timeline.after(between(this.random, LEAST_MS, MOST_MS), () => resolve(answered));
      });
    });
  }
}
