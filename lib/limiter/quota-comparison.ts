import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Backend } from '../contracts/backend.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { Decider } from './decider.js';

/** Maximum wait for a connection and an answer, in ms. */
const PATIENCE_MS = 10_000;

/** Warns if another process uses a policy name with another quota: once, when a backend is first used. */
@Injectable()
export class QuotaComparison {
  constructor(
    @Inject(Decider) private readonly decider: Decider,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
  ) {}

  start(): void {
    for (const guard of this.decider.guards) guard.onOpen(() => void this.compare(guard.inner));
  }

  /** Calls report problems of the backend. */
  private async compare(backend: Backend): Promise<void> {
    const policies = this.catalog.defined();
    if (policies.length === 0 || backend.otherQuotas === undefined) return;
    const found = await Promise.resolve(backend.otherQuotas(policies, AbortSignal.timeout(PATIENCE_MS))).catch(
      () => [],
    );
    for (const message of found) new Logger('RateLimit').warn(`Backend '${backend.name}': ${message}`);
  }
}
