import { setTimeout as delay } from 'node:timers/promises';
import type { HostProcess } from './host-process.js';
import type { Answer } from './workers/breaker-host.js';

/** What all processes of a host say. */
export const statuses = (hosts: readonly HostProcess[]): Promise<Answer[]> =>
  Promise.all(hosts.map((one) => one.ask({ kind: 'status' })));

export const areAll = async (hosts: readonly HostProcess[], state: string): Promise<boolean> =>
  (await statuses(hosts)).every((one) => one.state === state);

export const failuresOf = async (hosts: readonly HostProcess[]): Promise<number> =>
  (await statuses(hosts)).reduce((sum, { failures = 0 }) => sum + failures, 0);

/** When probes began, in order, epoch ms. */
export const probesOf = async (hosts: readonly HostProcess[]): Promise<number[]> =>
  (await statuses(hosts)).flatMap(({ probes = [] }) => probes).sort((one, other) => one - other);

/** The process that probes now, if there is one. */
export async function proberOf(hosts: readonly HostProcess[]): Promise<HostProcess | undefined> {
  const all = await statuses(hosts);
  return hosts[all.findIndex(({ state }) => state === 'half-open')];
}

/** Calls one process after another until each circuit is open, with a moment in which the first is heard of. */
export async function callUntilOpen(hosts: readonly HostProcess[]): Promise<void> {
  for (const one of hosts) {
    for (let call = 0; call < 5 && (await one.ask({ kind: 'status' })).state === 'closed'; call += 1) {
      await one.ask({ kind: 'call' });
    }
    if (one === hosts[0]) await delay(200);
  }
}
