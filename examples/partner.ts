import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common';
import { CircuitBreaker, RateLimitModule } from 'nestjs-floodgate';

@Injectable()
export class Quotes {
  static url = 'https://quotes.example';

  @CircuitBreaker({ failureThreshold: 3, recoveryTimeout: '30s', callTimeout: '2s', fallback: 'lastKnown' })
  async latest(): Promise<string> {
    const response = await fetch(Quotes.url);
    if (!response.ok) throw new Error(`Status ${response.status}`);
    return response.text();
  }

  lastKnown(): string {
    return 'the last known quote';
  }
}

@Controller('quote')
class QuoteController {
  constructor(@Inject(Quotes) private readonly quotes: Quotes) {}

  @Get()
  latest(): Promise<string> {
    return this.quotes.latest();
  }
}

@Module({ imports: [RateLimitModule.forRoot()], controllers: [QuoteController], providers: [Quotes] })
export class AppModule {}
