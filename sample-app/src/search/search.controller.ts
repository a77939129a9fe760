import { Controller, Get, Query } from '@nestjs/common';
import { type Decision, RateLimit, RateLimitDecision } from 'nestjs-floodgate';
import { Books } from '../catalogue/books.js';

@Controller('search')
export class SearchController {
  constructor(private readonly books: Books) {}

  @RateLimit('search')
  @Get()
  search(@Query('q') words: unknown, @RateLimitDecision() decision: Decision): object {
    const left = decision.policies.find(({ name }) => name === 'search')?.remaining;
    return { found: this.books.about(typeof words === 'string' ? words : ''), pagesLeft: left ?? 'not counted' };
  }
}
