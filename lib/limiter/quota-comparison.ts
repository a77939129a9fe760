import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Backend } from '../contracts/backend.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { Decider } from './decider.js';

/** Longest wait for a connection and an answer, in ms. */
const PATIENCE_MS = 10_000;

/** Warns when another process counts a policy of the same name by another quota: once, when a backend is first used. */
@Injectable()
export class QuotaComparison {
  constructor(
    @Inject(Decider) private readonly decider: Decider,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
  ) {}

  start(): void {
    for (const guard of this.decider.guards) guard.onOpen(() => void this.compare(guard.inner));
  }

  /** Whatever is wrong with the backend, the calls themselves tell. */
  private async compare(backend: Backend): Promise<void> {
    const policies = this.catalog.defined();
    if (policies.length === 0 || backend.otherQuotas === undefined) return;
    const found = await Promise.resolve(backend.otherQuotas(policies, AbortSignal.timeout(PATIENCE_MS))).catch(
      () => [],
    );
    for (const message of found) new Logger('RateLimit').warn(`Backend '${backend.name}': ${message}`);
  }
}
