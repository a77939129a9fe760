import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type {
  BreakerStateListener,
  BreakerStateStore,
  CircuitReport,
  PeersProbe,
  PeersReport,
  ProbeRefusal,
} from '../../contracts/breaker-state.js';
import type { MaybePromise } from '../../contracts/maybe-promise.js';
import { Hub, type HubMember } from '../hub.js';
import { HubConnection } from './hub.connection.js';
import { HubServer } from './hub.server.js';
import { inodeOf } from './inode.js';
import { nobodyAt } from './meeting-place.js';
import { StateFile, type FileListener } from './state.file.js';

/** The settings of a store for this host. */
interface HostStoreOptions {
  readonly name: string;
  readonly quorum: number | undefined;
  /** The path of the socket where the processes meet. */
  readonly meetingPlace: () => string;
  /** Path of the file that survives the processes; `undefined`: no file. */
  readonly filePath?: string | undefined;
}

/** Time between two checks that the hub of this process can be reached, in ms. */
const LOOK_MS = 1_000;

/** Number of attempts at the socket before this process continues alone. */
const ATTEMPTS = 20;

/** Maximum wait for the others when this process starts, in ms. */
const OPEN_MS = 1_000;

/** A process that has not come to a new hub by then has ended, in ms. */
const COMING_MS = 1_000;

/** A process that could not meet the others tries again after this, in ms. */
const TRY_AGAIN_MS = 10_000;

/** If a process claims a probe while the hub changes, it asks again after this time, in ms. */
const CHANGING_MS = 100;

/** The place of this process: at its own hub, at the hub of another process, or on its way. */
type Place =
  | { readonly kind: 'apart' | 'joining' }
  | { readonly kind: 'hub'; readonly hub: Hub; readonly server: HubServer | undefined; readonly file?: StateFile }
  | { readonly kind: 'guest'; readonly connection: HubConnection };

/**
 * Lets the processes and threads of a host meet at a socket. The first process is the hub, which also writes the file.
 * When it ends, another process becomes the hub. It keeps no process alive.
 */
export class HostStore implements BreakerStateStore, HubMember, FileListener {
  readonly name: string;
  readonly quorum: number | undefined;
  readonly id = randomUUID();
  private place: Place = { kind: 'apart' };
  private listener: BreakerStateListener | undefined;
  private reports: readonly CircuitReport[] = [];
  private starts = true;
  private timer: NodeJS.Timeout | undefined;
  private joining: Promise<void> | undefined;
  /** Warnings that were logged. Each is logged once. */
  private readonly told = new Set<string>();
  private isAway = false;
  private triedMs = 0;

  constructor(private readonly options: HostStoreOptions) {
    this.name = options.name;
    this.quorum = options.quorum;
  }

  async open(listener: BreakerStateListener): Promise<void> {
    if (this.listener !== undefined) return;
    this.listener = listener;
    this.starts = true;
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, OPEN_MS)));
    await Promise.race([this.join(), late]);
    clearTimeout(timer);
  }

  tell(reports: readonly CircuitReport[]): void {
    this.reports = reports;
    const { place } = this;
    if (place.kind === 'hub') place.hub.tell(this.id, reports);
    else if (place.kind === 'guest') place.connection.tell(reports);
  }

  claim(circuit: string, forMs: number): MaybePromise<ProbeRefusal> {
    const { place } = this;
    switch (place.kind) {
      case 'hub':
        return place.hub.claim(this.id, circuit, forMs);
      case 'guest':
        return place.connection.claim(circuit, forMs).catch(() => ({ forMs: CHANGING_MS, step: 0 }));
      case 'joining':
        return { forMs: CHANGING_MS, step: 0 };
      case 'apart':
        return undefined;
      default:
        return place satisfies never;
    }
  }

  settle(circuit: string, keep: PeersProbe | undefined): void {
    const { place } = this;
    if (place.kind === 'hub') place.hub.settle(this.id, circuit, keep);
    else if (place.kind === 'guest') place.connection.settle(circuit, keep);
  }

  async close(): Promise<void> {
    this.listener = undefined;
    clearInterval(this.timer);
    await this.joining;
    const { place } = this;
    this.place = { kind: 'apart' };
    if (place.kind === 'guest') place.connection.close();
    if (place.kind !== 'hub') return;
    await place.server?.close();
    await place.file?.settled();
  }

  heard(peers: readonly PeersReport[]): void {
    this.listener?.heard(peers);
  }

  private join(): Promise<void> {
    this.joining ??= this.joinOnce().finally(() => (this.joining = undefined));
    return this.joining;
  }

  private async joinOnce(): Promise<void> {
    // A process with its own hub keeps it until it meets the others.
    if (this.place.kind !== 'hub') this.place = { kind: 'joining' };
    try {
      await this.meet(this.options.meetingPlace());
      if (this.isAway) this.listener?.back();
      this.isAway = false;
    } catch (error) {
      this.triedMs = performance.now();
      if (this.isAway || this.listener === undefined) return;
      this.isAway = true;
      this.listener.away(error);
      // Alone, with the file as far as possible.
      await this.becomeHub(undefined);
    }
  }

  private async meet(path: string): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS && this.listener !== undefined; attempt += 1) {
      if ((await this.lead(path)) || (await this.follow(path))) return;
      await pause(Math.random() * 10 * attempt);
    }
    if (this.listener !== undefined) throw nobodyAt(path);
  }

  /** Becomes the hub, unless there is one. */
  private async lead(path: string): Promise<boolean> {
    const hub = this.newHub();
    const server = new HubServer(hub, path);
    try {
      await server.listen();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
      throw error;
    }
    await this.becomeHub({ hub, server });
    return true;
  }

  private async becomeHub(ready: { readonly hub: Hub; readonly server: HubServer } | undefined): Promise<void> {
    const hub = ready?.hub ?? this.newHub();
    const { filePath } = this.options;
    const file = filePath === undefined ? undefined : new StateFile(filePath, this);
    hub.remember((await file?.load()) ?? [], this.starts ? 0 : COMING_MS);
    this.place = { kind: 'hub', hub, server: ready?.server, ...(file !== undefined && { file }) };
    this.resume(hub.enter(this, this.reports, this.starts));
    ready?.server.begin();
  }

  private async follow(path: string): Promise<boolean> {
    const inode = inodeOf(path);
    try {
      const hello = { id: this.id, starts: this.starts, reports: this.reports };
      const { connection, resumed } = await HubConnection.to(path, hello, {
        heard: (peers) => this.heard(peers),
        ended: () => void (this.listener !== undefined && this.join()),
      });
      this.place = { kind: 'guest', connection };
      this.resume(resumed);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ETIMEDOUT') throw error;
      // The socket of a killed process, unless another process has taken its place.
      if (code === 'ECONNREFUSED' && inode !== undefined && inodeOf(path) === inode) await rm(path, { force: true });
      return false;
    }
  }

  private resume(reports: readonly CircuitReport[]): void {
    const { starts } = this;
    this.starts = false;
    if (starts && reports.length > 0) this.listener?.resumed(reports);
  }

  /** If the hub has lost its socket to another process, it joins that one. A process that is apart tries again. */
  private look(): void {
    const { place } = this;
    if (place.kind !== 'hub' || this.joining !== undefined) return;
    if (place.server === undefined) {
      if (performance.now() - this.triedMs >= TRY_AGAIN_MS) void this.join();
    } else if (!place.server.isReachable()) {
      this.place = { kind: 'joining' };
      void place.server.close().then(() => this.join());
    }
  }

  warn(what: string): void {
    if (this.told.has(what)) return;
    this.told.add(what);
    this.listener?.warn(what);
  }

  /** While the others cannot be reached, this belongs to an outage that was logged. */
  inaccessible(what: string): void {
    if (!this.isAway) this.warn(what);
  }

  private newHub(): Hub {
    const hub: Hub = new Hub({
      clock: () => performance.now(),
      soon: (work) => void setImmediate(work),
      changed: () => {
        if (this.place.kind === 'hub' && this.place.hub === hub) this.place.file?.save(hub.all());
      },
    });
    return hub;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
