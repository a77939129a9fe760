import { Injectable } from '@nestjs/common';
import { CircuitBreaker } from 'nestjs-floodgate';
import { SimulatedPartner } from './simulated-partner.js';

export interface Stock {
  readonly copies: number | 'unknown';
}

/** Asks a partner's warehouse, and gives it a rest when it fails three times in a row. */
@Injectable()
export class Warehouse {
  constructor(private readonly partner: SimulatedPartner) {}

  @CircuitBreaker({ name: 'warehouse', failureThreshold: 3, recoveryTimeout: '5s', fallback: 'unknown' })
  async stockOf(bookId: number): Promise<Stock> {
    return { copies: await this.partner.count(bookId) };
  }

  /** What is said while the partner is silent: a shop that sells is better than one that does not answer. */
  unknown(): Stock {
    return { copies: 'unknown' };
  }
}
