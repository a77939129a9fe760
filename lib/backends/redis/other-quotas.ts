import type { Policy } from '../../contracts/policy.js';
import { untilAborted } from '../../contracts/until-aborted.js';
import type { RedisDriver } from './redis-driver.js';
import { runScript, scriptOf } from './script.js';
import { QUOTAS_SCRIPT } from './scripts/quotas.generated.js';

const SCRIPT = scriptOf(QUOTAS_SCRIPT);

/** How long a quota is stored after the last process with it has started. */
const KEPT_MS = 24 * 60 * 60_000;

/**
 * Stores the quotas of this process, and compares them with those of other processes in the last day. Returns the
 * problem and the fix for each policy with another quota.
 */
export async function otherQuotas(
  driver: RedisDriver,
  keyPrefix: string,
  policies: readonly Policy[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  await driver.whenReady(signal);
  const parameters = [String(KEPT_MS), ...policies.flatMap((policy) => [policy.id, quotaOf(policy)])];
  const call = { keys: [`${keyPrefix}quotas`], parameters };
  const asked = runScript(driver, SCRIPT, call);
  const others = ((await untilAborted(asked, signal)) as readonly unknown[]).map(String);
  return policies.flatMap((policy, index) => {
    const other = others[index] ?? '';
    return other === '' ? [] : [told(policy, other, keyPrefix)];
  });
}

const told = (policy: Policy, other: string, keyPrefix: string): string =>
  `The policy '${policy.name}' counts ${quotaOf(policy)} here, and another process counted ${other} under the same name ` +
  `and keyPrefix ('${keyPrefix}') within the last day. After a change of the quota this is expected. Else give each ` +
  'service a keyPrefix of its own, or both the same quota.';

const quotaOf = ({ algorithm, limit, burst, windowMs, calendar }: Policy): string =>
  `${limit}${burst === limit ? '' : ` (burst ${burst})`} per ${calendar ?? `${windowMs / 1_000} s`} by ${algorithm}`;
