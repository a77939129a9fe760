/** Clients of one network: a /24 of IPv4, a /64 of IPv6. */
export interface NetworkClients {
  readonly network: string;
  readonly clients: number;
}

/** A client that was refused. */
export interface RefusedClient {
  readonly key: string;
  readonly refused: number;
}

/** What a policy would have done, and to how many. */
export interface PolicySummary {
  readonly policy: string;
  /** Such as `100/m`. */
  readonly rate: string;
  readonly algorithm: string;
  readonly calls: number;
  readonly refused: number;
  /** Refused calls of all, 0 to 1. */
  readonly share: number;
  /** Clients (keys) that were refused. */
  readonly clients: number;
  /** There were more than are told apart. */
  readonly clientsAreMore: boolean;
  /** The /24 or /64 network that most of these clients come from; `null` where no address is known. */
  readonly network: NetworkClients | null;
  /**
   * The lowest limit, in two digits and zeros, that would have refused at most one call in a thousand, and the share that
   * it would have refused; `null` if none of those tried is high enough.
   */
  readonly oneInAThousand: { readonly limit: number; readonly rate: string; readonly share: number } | null;
  /** Counters that were dropped while they still counted, to stay within the memory: more means less is refused. */
  readonly forgotten: number;
}

/** The same, and to whom. */
export interface PolicyReport extends PolicySummary {
  /** Those that were refused most often, most first. */
  readonly mostRefused: readonly RefusedClient[];
}

/** What a sentence is made of: a summary, with or without the name of the network. */
export type ToldReport = Omit<PolicySummary, 'policy' | 'network' | 'forgotten' | 'algorithm'> & {
  readonly network: { readonly network?: string; readonly clients: number } | null;
};

/**
 * A report as a sentence: 'would have refused 0.3 % of 1,000 calls: 3 calls of 2 clients, both of one network; 140/m
 * would refuse one in a thousand'.
 */
export function sentenceOf(report: ToldReport): string {
  const { calls, refused, share, oneInAThousand } = report;
  if (calls === 0) return 'has met no call';
  const head = `would have refused ${percent(share)} of ${counted(calls, 'call')}`;
  const who = refused === 0 ? '' : `: ${counted(refused, 'call')} of ${clientsOf(report)}`;
  const gentle = oneInAThousand === null ? '' : `; ${gentlePart(oneInAThousand)}`;
  return head + who + gentle;
}

function clientsOf({ clients, clientsAreMore, network }: ToldReport): string {
  const all = `${clientsAreMore ? 'more than ' : ''}${counted(clients, 'client')}`;
  if (network === null || clients < 2 || network.clients < 2) return all;
  const name = network.network === undefined ? '' : ` (${network.network})`;
  return `${all}, ${network.clients === clients ? 'all' : whole(network.clients)} of them in one network${name}`;
}

const gentlePart = ({ rate, share }: { rate: string; share: number }): string =>
  share === 0 ? `${rate} would refuse none` : `${rate} would refuse one in a thousand (${percent(share)})`;

/** A share in percent, with as many digits as tell something. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return '0 %';
  if (value < 0.001) return '< 0.001 %';
  const digits = value < 0.1 ? 3 : value < 1 ? 2 : 1;
  return `${Number(value.toFixed(digits))} %`;
}

const whole = (count: number): string => count.toLocaleString('en-US');

const counted = (count: number, what: string): string => `${whole(count)} ${what}${count === 1 ? '' : 's'}`;
