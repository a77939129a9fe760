import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { CircuitBreakerRegistry, SkipRateLimit } from 'nestjs-floodgate';
import { SimulatedPartner } from './simulated-partner.js';

/** For trying things out only: switches the partner off and on, and looks behind the scenes. */
@SkipRateLimit()
@Controller('demo/partner')
export class DemoController {
  constructor(
    private readonly partner: SimulatedPartner,
    private readonly breakers: CircuitBreakerRegistry,
  ) {}

  @Post('down')
  @HttpCode(200)
  down(): object {
    this.partner.failing = true;
    return this.look();
  }

  @Post('up')
  @HttpCode(200)
  up(): object {
    this.partner.failing = false;
    return this.look();
  }

  @Get()
  look(): object {
    const { failing, calls } = this.partner;
    return { partner: failing ? 'down' : 'up', calls, breaker: this.breakers.get('warehouse')?.status().state };
  }
}
