import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { BackendRequest, ConsumeRequest, Reply } from '../../lib/contracts/backend.js';
import { COUNTING_ALGORITHMS, type CountingAlgorithm } from '../../lib/contracts/policy.js';
import { backendConformance } from '../../lib/testing/conformance.js';

/** Counts by one algorithm where it is asked for another. */
class Mistaking extends MemoryBackend {
  constructor(
    private readonly asked: CountingAlgorithm,
    private readonly taken: CountingAlgorithm,
  ) {
    super({});
  }

  override consume(request: ConsumeRequest): Reply {
    return super.consume(this.mistaken(request));
  }

  override peek(request: BackendRequest): Reply {
    return super.peek(this.mistaken(request));
  }

  override refund(request: BackendRequest): void {
    super.refund(this.mistaken(request));
  }

  override reset(request: BackendRequest): void {
    super.reset(this.mistaken(request));
  }

  private mistaken<R extends BackendRequest>(request: R): R {
    const charges = request.charges.map((charge) =>
      charge.policy.algorithm === this.asked
        ? { ...charge, policy: { ...charge.policy, algorithm: this.taken } }
        : charge,
    );
    return { ...request, charges };
  }
}

const MISTAKES = COUNTING_ALGORITHMS.flatMap((asked) =>
  COUNTING_ALGORITHMS.filter((taken) => taken !== asked).map((taken) => [asked, taken] as const),
);

describe('where the clock cannot be set, the conformance suite', () => {
  it.each(MISTAKES)('fails a backend that counts a %s as a %s', async (asked, taken) => {
    const create = (): MemoryBackend => new Mistaking(asked, taken);
    const cases = backendConformance({ name: 'mistaking', create, algorithms: [asked] });
    const failed: string[] = [];
    // Each case has a backend of its own, so they can wait together.
    await Promise.all(cases.map(({ name, run }) => run().catch(() => failed.push(name))));
    expect(failed).toContain(`${asked}: decides as the reference does at the times that its replies tell`);
  });
});
