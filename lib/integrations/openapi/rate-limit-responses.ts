import type { OpenAPIObject } from '@nestjs/swagger';
import type { HeaderStyle } from '../../rate-limit.options.js';

type PathItem = OpenAPIObject['paths'][string];
/** An operation of a document. */
export type Operation = NonNullable<PathItem['get']>;
/** A response of an operation. */
export type Response = Exclude<NonNullable<Operation['responses'][string]>, { $ref: string }>;
type Headers = NonNullable<Response['headers']>;

const text = (description: string, example: string): Headers[string] => ({
  description,
  schema: { type: 'string', example },
});
const whole = (description: string, example: number): Headers[string] => ({
  description,
  schema: { type: 'integer', minimum: 0, example },
});

const STANDARD: Headers = {
  'RateLimit-Policy': text('The policies of the route: quota `q`, window `w` in seconds.', '"default";q=100;w=60'),
  RateLimit: text('What is left: units `r`, for `t` seconds.', '"default";r=99;t=60'),
};

const LEGACY: Headers = {
  'X-RateLimit-Limit': whole('The limit of the policy that is nearest to refusing.', 100),
  'X-RateLimit-Remaining': whole('Units left of it.', 99),
  'X-RateLimit-Reset': whole('Seconds until its full quota is back.', 60),
};

const RETRY_AFTER: Headers = {
  'Retry-After': whole('Seconds after which the same call may pass.', 30),
};

/** Headers that every counted response carries. */
export function quotaHeaders(style: HeaderStyle): Headers {
  return {
    ...((style === 'standard' || style === 'both') && STANDARD),
    ...((style === 'legacy' || style === 'both') && LEGACY),
  };
}

/** The answer to a call that is limited. */
export const tooManyRequests = (style: HeaderStyle, problem: boolean): Response => ({
  description: 'Too Many Requests: a limit of the route is reached.',
  headers: { ...quotaHeaders(style), ...RETRY_AFTER },
  content: problem ? problemBody('violated-policies') : usualBody(429, 'Too Many Requests'),
});

/** The answer while no limit can be decided. */
export const serviceUnavailable = (problem: boolean): Response => ({
  description: 'Service Unavailable: the limits of the route cannot be decided at present.',
  headers: RETRY_AFTER,
  content: problem ? problemBody() : usualBody(503, 'Service Unavailable'),
});

const usualBody = (status: number, message: string): NonNullable<Response['content']> => ({
  'application/json': {
    schema: {
      type: 'object',
      required: ['statusCode', 'message'],
      properties: {
        statusCode: { type: 'integer', example: status },
        message: { type: 'string', example: message },
      },
    },
  },
});

const problemBody = (list?: string): NonNullable<Response['content']> => ({
  'application/problem+json': {
    schema: {
      type: 'object',
      required: ['type', 'title', 'status'],
      properties: {
        type: { type: 'string', format: 'uri' },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string' },
        ...(list !== undefined && { [list]: { type: 'array', items: { type: 'string' } } }),
      },
    },
  },
});
