import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Answers, type Counts, sumOf } from './answers.js';
import { hasAddress, ShopClient } from './shop.client.js';

interface Client {
  readonly name: string;
  readonly address: string;
  readonly answers: Answers;
}

const client = (name: string, address: string): Client => ({ name, address, answers: new Answers() });

/** The address of all clients where this machine has no other. */
const ONLY_ADDRESS = '127.0.0.1';

/** Each steady client asks for one of them every 0.75 s, which is within all limits. */
const PATHS = ['/books', '/books/1/stock', '/search?q=boat', '/books/3'] as const;
const STEADY_MS = 250;

/** Nobody may be there to stop the steady stream. */
const LONGEST_MS = 10 * 60_000;

const BURST_CALLS = 60;
const BURST_MS = 40;

/** Sends calls to this application, and keeps what came of them. */
@Injectable()
export class Load implements OnModuleDestroy {
  private readonly steady = [client('ann', '127.0.0.2'), client('ben', '127.0.0.3'), client('kim', '127.0.0.4')];
  private readonly greedy = client('mallory', '127.0.0.5');
  private readonly all = [...this.steady, this.greedy];
  private haveAddresses: Promise<boolean> | undefined;
  private stream: NodeJS.Timeout | undefined;
  private burst: NodeJS.Timeout | undefined;

  constructor(private readonly shop: ShopClient) {}

  get isSteady(): boolean {
    return this.stream !== undefined;
  }

  /** Begins the steady stream: three clients who stay within their limits. It ends by itself after ten minutes. */
  start(): void {
    if (this.isSteady) return;
    const untilMs = Date.now() + LONGEST_MS;
    let calls = 0;
    this.stream = setInterval(() => {
      if (Date.now() > untilMs) return this.stop();
      const { length } = this.steady;
      void this.call(this.steady[calls % length]!, PATHS[Math.floor(calls / length) % PATHS.length]!);
      calls += 1;
    }, STEADY_MS);
  }

  stop(): void {
    clearInterval(this.stream);
    this.stream = undefined;
  }

  /** One client calls sixty times within a few seconds: three times what it may. */
  sendBurst(): void {
    clearInterval(this.burst);
    let left = BURST_CALLS;
    this.burst = setInterval(() => {
      left -= 1;
      if (left === 0) clearInterval(this.burst);
      void this.call(this.greedy, '/books');
    }, BURST_MS);
  }

  /** What each client got in the last minute. */
  strips(nowMs: number): readonly { readonly client: string; readonly strip: string }[] {
    return this.all.map(({ name, answers }) => ({ client: name, strip: answers.strip(nowMs) }));
  }

  /** What all of them got in the last ten seconds. */
  recent(nowMs: number): Counts {
    return sumOf(this.all.map(({ answers }) => answers.recent(nowMs)));
  }

  onModuleDestroy(): void {
    this.stop();
    clearInterval(this.burst);
  }

  private async call({ address, answers }: Client, path: string): Promise<void> {
    this.haveAddresses ??= hasAddress(address);
    const from = (await this.haveAddresses) ? address : ONLY_ADDRESS;
    answers.add(await this.shop.get(path, from), Date.now());
  }
}
