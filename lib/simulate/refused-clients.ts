import { networkOf } from '../policies/key-pattern.js';
import type { NetworkClients, RefusedClient } from './policy-report.js';

/** Who was refused, and from which networks, in bounded memory. */
export class RefusedClients {
  private readonly refused = new Map<string, number>();
  private readonly networks = new Map<string, number>();
  /** Whether there were more clients than are told apart. */
  areMore = false;

  constructor(private readonly most: number) {}

  get count(): number {
    return this.refused.size;
  }

  /** @param address of the client, where the key does not tell */
  add(key: string, address?: string): void {
    const known = this.refused.get(key);
    if (known === undefined) {
      if (this.refused.size >= this.most) {
        this.areMore = true;
        return;
      }
      const network = networkName(address === undefined ? key : `ip:${address}`);
      if (network !== undefined) this.networks.set(network, (this.networks.get(network) ?? 0) + 1);
    }
    this.refused.set(key, (known ?? 0) + 1);
  }

  /** The network that most of them come from; `undefined` if no address is known. */
  get mainNetwork(): NetworkClients | undefined {
    let main: NetworkClients | undefined;
    for (const [network, clients] of this.networks) {
      if (main === undefined || clients > main.clients) main = { network, clients };
    }
    return main;
  }

  /** Those that were refused most often. */
  top(count: number): readonly RefusedClient[] {
    return [...this.refused]
      .sort(([, one], [, other]) => other - one)
      .slice(0, count)
      .map(([key, refused]) => ({ key, refused }));
  }
}

/** The network of a key such as `ip:192.0.2.1` or `ip:2001:db8:1:2::/64`: `192.0.2.0/24`, `2001:db8:1:2::/64`. */
function networkName(key: string): string | undefined {
  const network = networkOf(key);
  if (network === undefined) return undefined;
  const { address, family, bits } = network;
  if (family === 'ipv6') return `${address}/${bits}`;
  return bits < 24 ? `${address}/${bits}` : `${address.slice(0, address.lastIndexOf('.'))}.0/24`;
}
