import type { DashboardState } from '../dashboard.schema.js';
import { joined } from './history.join.js';

/** The stream of the server's state, which goes on after whatever interrupts it. */
export class StateStream {
  private state: DashboardState | undefined;

  /**
   * @param base where the API is
   * @param show receives each new state
   * @param tell receives whether the stream is connected
   */
  constructor(
    private readonly base: string,
    private readonly show: (state: DashboardState) => void,
    private readonly tell: (live: boolean) => void,
  ) {}

  open(): void {
    const source = new EventSource(`${this.base}api/stream`);
    source.addEventListener('state', ({ data }: MessageEvent<string>) => this.take(JSON.parse(data) as DashboardState));
    source.addEventListener('tick', ({ data }: MessageEvent<string>) => this.join(JSON.parse(data) as DashboardState));
    source.addEventListener('error', () => {
      this.tell(false);
      // A browser tries again by itself, unless the answer was an error.
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      setTimeout(() => this.open(), 2_000);
    });
  }

  private join(tick: DashboardState): void {
    const state = this.state && joined(this.state, tick);
    if (state === undefined) void this.fetch();
    else this.take(state);
  }

  private async fetch(): Promise<void> {
    const response = await fetch(`${this.base}api/state`).catch(() => undefined);
    if (response?.ok === true) this.take((await response.json()) as DashboardState);
  }

  private take(state: DashboardState): void {
    this.state = state;
    this.tell(true);
    this.show(state);
  }
}
