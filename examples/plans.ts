import { Controller, type ExecutionContext, Get, Module } from '@nestjs/common';
import { type PolicyInput, RateLimit, RateLimitModule } from 'nestjs-floodgate';

const RATES: Readonly<Record<string, string>> = { free: '3/m', business: '1000/m', enterprise: 'unlimited' };

/** In your application the plan is the user's, not the client's to choose. */
function byPlan(context: ExecutionContext): PolicyInput {
  const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
  return { name: 'plan', rate: RATES[headers['x-plan'] ?? 'free'] ?? '3/m' };
}

@Controller('reports')
class ReportsController {
  @RateLimit(byPlan)
  @Get()
  all(): string[] {
    return ['a report'];
  }
}

@Module({ imports: [RateLimitModule.forRoot()], controllers: [ReportsController] })
export class AppModule {}
