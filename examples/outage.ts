import { Controller, Get, Module } from '@nestjs/common';
import { failoverBackend, memoryBackend, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';

@Controller('cats')
class CatsController {
  @RateLimit({ name: 'cats', rate: '3/m' })
  @Get()
  all(): string[] {
    return ['Tybalt', 'Macavity'];
  }
}

/** Redis counts for all processes. While it is down, this process counts. */
const backend = failoverBackend([
  redisBackend({ url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' }),
  memoryBackend(),
]);

@Module({ imports: [RateLimitModule.forRoot({ backend })], controllers: [CatsController] })
export class AppModule {}
