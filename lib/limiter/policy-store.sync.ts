import { Inject, Injectable, Logger } from '@nestjs/common';
import { BackendUnavailableError, FloodgateError, RateLimitConfigurationError } from '../contracts/errors.js';
import { failureReason } from '../contracts/failure-reason.js';
import type { PolicyChangeNote, PolicyDocument, PolicyStore } from '../contracts/policy-store.js';
import { wallMs } from '../contracts/process-time.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { changesBetween, checkedDocument, withoutEnded } from '../policies/policy-document.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { withDeadline } from './deadline.js';

/** Time between two reads of the store, in ms: a change applies everywhere within a second. */
const POLL_MS = 400;

/** Deadline of one read, in ms: a slower store counts as unavailable. */
const TIMEOUT_MS = 2_000;

/** The health of the policy store. */
export interface PolicyStoreHealth {
  readonly healthy: boolean;
  /** A code or a name, never a message. */
  readonly error?: string;
}

/** Keeps the catalog in step with the policy store: reads it regularly, and writes local changes. */
@Injectable()
export class PolicyStoreSync {
  private readonly logger = new Logger('RateLimit');
  private readonly store: PolicyStore | undefined;
  private timer: NodeJS.Timeout | undefined;
  private reading: Promise<void> | undefined;
  private failure: unknown;
  /** Number of local changes: an older read is outdated. */
  private writes = 0;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { policyStore }: RateLimitSettings,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(RateLimitEvents) private readonly events: RateLimitEvents,
  ) {
    this.store = policyStore;
  }

  /** Applies the document of the store. If the store is not available, the module's own policies apply until it is. */
  async start(): Promise<void> {
    if (this.store === undefined || this.timer !== undefined) return;
    this.timer = setInterval(() => void this.read(), POLL_MS).unref();
    await this.read();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.reading;
    await this.store?.close();
  }

  /**
   * Changes the document here and in the store, in one step.
   *
   * @throws RateLimitConfigurationError for a wrong change
   * @throws BackendUnavailableError if the store is not available
   */
  async change(update: (document: PolicyDocument) => PolicyDocument): Promise<void> {
    const validated = (present: PolicyDocument | undefined): PolicyDocument => {
      const changed = update(withoutEnded(checkedDocument('policyStore', present), wallMs()));
      this.catalog.compiled(changed);
      return changed;
    };
    const document =
      this.store === undefined ? validated(this.catalog.document) : await this.write(this.store, validated);
    this.writes += 1;
    this.adopt(document, document.last);
  }

  /** `undefined` if there is no store. */
  health(): PolicyStoreHealth | undefined {
    if (this.store === undefined) return undefined;
    return this.failure === undefined ? { healthy: true } : { healthy: false, error: failureReason(this.failure) };
  }

  private async write(
    store: PolicyStore,
    update: (present: PolicyDocument | undefined) => PolicyDocument,
  ): Promise<PolicyDocument> {
    try {
      return await withDeadline(store.change(update), TIMEOUT_MS);
    } catch (error) {
      if (error instanceof RateLimitConfigurationError) throw error;
      throw error instanceof FloodgateError && error.code === 'BACKEND_UNAVAILABLE'
        ? error
        : BackendUnavailableError.of({ backend: store.name, cause: error });
    }
  }

  private read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readOnce(): Promise<void> {
    const { writes } = this;
    try {
      const found = checkedDocument('policyStore', await withDeadline((this.store as PolicyStore).read(), TIMEOUT_MS));
      if (writes === this.writes) this.adopt(found);
      this.recovered();
    } catch (error) {
      this.failed(error);
    }
  }

  /** @param note who made the change and why; default: the note of the document's last change */
  private adopt(document: PolicyDocument, note?: PolicyChangeNote): void {
    const before = this.catalog.document;
    const changes = changesBetween(before, document, this.catalog.names);
    if (changes.length === 0) return;
    this.catalog.adopt(this.catalog.compiled(document));
    const at = wallMs();
    // The document only contains the author of the last change.
    const told = note ?? (changes.length === 1 ? document.last : undefined);
    for (const change of changes) this.events.emit({ kind: 'policy-change', ...change, ...told, at });
  }

  private failed(error: unknown): void {
    const known = this.failure !== undefined && failureReason(this.failure) === failureReason(error);
    this.failure = error;
    if (known) return;
    const why = error instanceof RateLimitConfigurationError ? error.message : failureReason(error);
    this.logger.warn(`Policy store '${this.store?.name}' cannot be used (${why}): the policies stay as they are.`);
  }

  private recovered(): void {
    if (this.failure === undefined) return;
    this.failure = undefined;
    this.logger.log(`Policy store '${this.store?.name}' can be used again.`);
  }
}
