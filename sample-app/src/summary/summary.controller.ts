import { Controller, Headers, Param, ParseIntPipe, Post } from '@nestjs/common';
import { BackendService } from 'nestjs-floodgate';
import { Books } from '../catalogue/books.js';
import { LanguageModel } from './language-model.js';

/** Words that a summary may take: charged before it is known how many it does take. */
const ESTIMATE = 400;

@Controller('books')
export class SummaryController {
  constructor(
    private readonly books: Books,
    private readonly model: LanguageModel,
    private readonly backend: BackendService,
  ) {}

  /** The reader names himself here; in earnest, he would have logged in. */
  @Post(':id/summary')
  async summarise(@Param('id', ParseIntPipe) id: number, @Headers('x-reader') reader = 'anonymous'): Promise<object> {
    const book = this.books.one(id);
    const key = `reader:${reader}`;
    const summary = await this.backend.withLease(
      key,
      'words',
      async (lease) => {
        const { text, words } = await this.model.summarise(book);
        await lease.adjust(words - ESTIMATE);
        return { text, words };
      },
      { cost: ESTIMATE },
    );
    const { policies } = await this.backend.peek(key, 'words');
    return { ...summary, wordsLeft: policies[0]?.remaining ?? 'not counted' };
  }
}
