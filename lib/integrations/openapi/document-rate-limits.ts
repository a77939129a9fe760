import type { INestApplicationContext } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { FailureMode } from '../../contracts/policy.js';
import { RouteCatalog } from '../../guard/route-catalog.js';
import type { RoutePlan } from '../../guard/route-plan.js';
import { failureModeOf } from '../../limiter/failure-mode.js';
import type { CompiledPolicy } from '../../policies/compiled-policy.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.settings.js';
import { documentedRoutes } from './documented-routes.js';
import {
  type Operation,
  quotaHeaders,
  type Response,
  serviceUnavailable,
  tooManyRequests,
} from './rate-limit-responses.js';

/** An entry of the extension `x-rate-limits`: one policy of an operation. */
export interface DocumentedLimit {
  /** Absent where the policy is found at each call. */
  readonly name?: string;
  readonly limit?: number;
  readonly windowMs?: number;
  readonly algorithm?: string;
  /** Tokens that may come at once; for `token-bucket`. */
  readonly burst?: number;
  /** The limit is found at each call. */
  readonly dynamic?: true;
}

/**
 * Adds to an OpenAPI document what clients should know of limits: on each limited operation the responses 429 and, where
 * an outage is answered so, 503 with their headers; the `RateLimit` headers of its other responses; and its limits as
 * `x-rate-limits`. What the document already says stays. Shadow policies are not told.
 *
 * @param document made by `SwaggerModule.createDocument`; it is changed
 * @param app the application that it describes
 * @returns the document
 * @throws RateLimitConfigurationError if the application has no `RateLimitModule`
 * @example
 * const document = documentRateLimits(SwaggerModule.createDocument(app, config), app);
 */
export function documentRateLimits(document: OpenAPIObject, app: INestApplicationContext): OpenAPIObject {
  const { settings, catalog } = limiterOf(app);
  if (!settings.enabled) return document;
  for (const { route, paths, method } of documentedRoutes(app)) {
    const operations = paths.flatMap((path) => operationsAt(document, path, method));
    if (operations.length === 0) continue;
    // Not from the catalog's store: before the application starts, plans are not final there.
    const plan = catalog.planner.plan(route);
    if (limitsOf(plan).length === 0) continue;
    for (const operation of new Set(operations)) describe(operation, plan, settings);
  }
  return document;
}

function limiterOf(app: INestApplicationContext): { settings: RateLimitSettings; catalog: RouteCatalog } {
  // Not by the application itself: what throws there ends the process.
  const modules = app.get(ModuleRef, { strict: false });
  try {
    return {
      settings: modules.get<RateLimitSettings>(RATE_LIMIT_SETTINGS, { strict: false }),
      catalog: modules.get(RouteCatalog, { strict: false }),
    };
  } catch {
    throw new RateLimitConfigurationError(
      'documentRateLimits',
      'an application without RateLimitModule',
      'Import RateLimitModule.forRoot() in the root module.',
    );
  }
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

function operationsAt(document: OpenAPIObject, path: string, method: string): readonly Operation[] {
  const item = document.paths[path];
  if (item === undefined) return [];
  return METHODS.flatMap((one) => (method === '' || method === one ? (item[one] ?? []) : []));
}

function describe(operation: Operation, plan: RoutePlan, settings: RateLimitSettings): void {
  const { headers, problemDetails, failureMode } = settings;
  for (const response of Object.values(operation.responses)) {
    if (isResponse(response)) response.headers = { ...quotaHeaders(headers), ...response.headers };
  }
  merge(operation, '429', tooManyRequests(headers, problemDetails));
  if (canBeUnavailable(plan, failureMode)) {
    merge(operation, '503', serviceUnavailable(problemDetails));
  }
  Object.assign(operation, { 'x-rate-limits': limitsOf(plan) });
}

/** What is found at each call may be closed. */
function canBeUnavailable({ candidates }: RoutePlan, byDefault: FailureMode): boolean {
  const known = candidates.flatMap((one) => (one.kind === 'static' ? [one.policy] : []));
  return known.length < candidates.length || failureModeOf(known, byDefault) === 'closed';
}

/** Existing parts of the document override the additions. */
function merge(operation: Operation, status: string, added: Response): void {
  const known = operation.responses[status];
  if (known !== undefined && !isResponse(known)) return;
  operation.responses[status] = { ...added, ...known, headers: { ...added.headers, ...known?.headers } };
}

const isResponse = (response: unknown): response is Response =>
  typeof response === 'object' && response !== null && !('$ref' in response);

const limitsOf = ({ candidates }: RoutePlan): readonly DocumentedLimit[] =>
  candidates.flatMap((one) => {
    if (one.kind === 'dynamic') return [{ ...(one.name !== undefined && { name: one.name }), dynamic: true as const }];
    return one.policy.policy.mode === 'shadow' ? [] : [limitOf(one.policy)];
  });

function limitOf({ policy }: CompiledPolicy): DocumentedLimit {
  const { name, limit, windowMs, algorithm, burst } = policy;
  return { name, limit, windowMs, algorithm, ...(algorithm === 'token-bucket' && { burst }) };
}
