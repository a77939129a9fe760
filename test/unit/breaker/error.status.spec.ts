import {
  BadGatewayException,
  BadRequestException,
  ForbiddenException,
  HttpException,
  NotFoundException,
} from '@nestjs/common';
import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import { isServerFailure, statusOf } from '../../../lib/breaker/error.status.js';

/** As axios makes them, and others. */
const withResponse = (response: unknown): Error => Object.assign(new Error('refused'), { response });

function codeOf(this: { readonly code: number }): number {
  return this.code;
}

describe('the status of an error', () => {
  it.each([
    ['getStatus()', new NotFoundException(), 404],
    ['status', Object.assign(new Error(), { status: 409 }), 409],
    ['statusCode', { statusCode: 422 }, 422],
    ['response.status', withResponse({ status: 404, data: 'no such cat' }), 404],
    ['response.statusCode', withResponse({ statusCode: 410 }), 410],
    ['the first of them that is a number', { status: 'error', statusCode: 400 }, 400],
    ['none where there is none', new Error('down'), undefined],
    ['none of a response that is no object', withResponse('text'), undefined],
    ['none of a response that never came', withResponse(undefined), undefined],
    ['none of what is no object', 'down', undefined],
    ['none of null', null, undefined],
    ['none of undefined', undefined, undefined],
    ['none of a function', Object.assign(() => 1, { status: 404 }), undefined],
    ['what getStatus() answers, before all others', { code: 418, getStatus: codeOf, status: 404 }, 418],
  ])('is %s', (_what, error, status) => {
    expect(statusOf(error)).toBe(status);
  });

  it.each([400, 401, 403, 404, 409, 410, 422, 451, 499])('%i is an answer', (status) => {
    expect(isServerFailure(withResponse({ status }))).toBe(false);
    expect(isServerFailure(new HttpException('x', status))).toBe(false);
  });

  it.each([302, 399, 408, 425, 429, 500, 502, 503, 504])('%i is a failure', (status) => {
    expect(isServerFailure(withResponse({ status }))).toBe(true);
    expect(isServerFailure(new HttpException('x', status))).toBe(true);
  });
});

describe('a method behind a breaker', () => {
  class Partner {
    @CircuitBreaker({ failureThreshold: 1 })
    async ask(error: unknown): Promise<never> {
      throw error;
    }
  }

  it.each([
    ['an AxiosError 404', withResponse({ status: 404 })],
    ["got's 422", withResponse({ statusCode: 422 })],
    ["a client's 401", Object.assign(new Error(), { status: 401 })],
    ['a BadRequestException', new BadRequestException()],
    ['a ForbiddenException', new ForbiddenException()],
  ])('never opens for %s', async (_what, error) => {
    const partner = new Partner();
    for (let count = 0; count < 10; count += 1) await expect(partner.ask(error)).rejects.toBe(error);
  });

  it.each([
    ['an AxiosError 429', withResponse({ status: 429 })],
    ['a request timeout', Object.assign(new Error(), { statusCode: 408 })],
    ['a BadGatewayException', new BadGatewayException()],
    [
      'an error whose status cannot be read',
      {
        getStatus: () => {
          throw new Error('unreadable');
        },
      },
    ],
  ])('opens for %s', async (_what, error) => {
    const partner = new Partner();
    await expect(partner.ask(error)).rejects.toBe(error);
    await expect(partner.ask(error)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });
});
