import type { OutgoingHttpHeaders } from 'node:http';
import type { EventSink } from './event-streams.js';

/** A response of Node. */
interface RawResponse extends EventSink {
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown;
}

/** A reply of Fastify, which has Node's response in it. */
interface WrappedResponse {
  readonly raw: RawResponse;
  hijack(): unknown;
}

/** `no-transform` keeps compression away, and `X-Accel-Buffering` nginx' buffer: both would hold events back. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Begins a stream of events on the response of either platform. */
export function rawResponse(response: object): EventSink {
  const raw = isWrapped(response) ? response.raw : (response as RawResponse);
  if (isWrapped(response)) response.hijack();
  raw.writeHead(200, HEADERS);
  return raw;
}

const isWrapped = (response: object): response is WrappedResponse =>
  typeof (response as Partial<WrappedResponse>).hijack === 'function';
