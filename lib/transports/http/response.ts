import type { HttpAdapterHost } from '@nestjs/core';
import type { Header } from './headers.js';
import { PROBLEM_JSON, type Problem } from './problem-details.js';

/** Sets headers of a response, unless they are on their way already, or there is no server: none hears them then. */
export function setHeaders(
  { httpAdapter }: Partial<HttpAdapterHost>,
  response: object,
  headers: readonly Header[],
): void {
  if (httpAdapter === undefined) return;
  try {
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
  } catch (error) {
    // Not asked first: on Express this takes about as long as a header, for every request.
    if (!httpAdapter.isHeadersSent(response)) throw error;
  }
}

/** Answers a request; one that is being answered already is only ended. */
export function reply({ httpAdapter }: HttpAdapterHost, response: object, status: number, body: unknown): void {
  if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
  // Apart from the body: told both at once, Nest 11 takes the media type of a problem for a mistake and replaces it.
  httpAdapter.status(response, status);
  httpAdapter.reply(response, body);
}

/** Answers a request with problem details, which have a media type of their own. */
export function replyWithProblem(host: HttpAdapterHost, response: object, problem: Problem): void {
  setHeaders(host, response, [['Content-Type', PROBLEM_JSON]]);
  reply(host, response, problem.status, problem);
}

/** Whether something is a response of Express or Fastify: what calls itself `http` may be called by hand. */
export const takesHeaders = (response: unknown): response is object =>
  typeof response === 'object' && response !== null && typeof (response as { header?: unknown }).header === 'function';
