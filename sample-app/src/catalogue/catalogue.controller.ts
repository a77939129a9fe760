import { Controller, Get, Param, ParseIntPipe } from '@nestjs/common';
import { RateLimit } from 'nestjs-floodgate';
import { type Book, Books } from './books.js';

/** Public, so it is limited by address: both routes together, on top of what the whole API allows. */
@RateLimit({ name: 'catalogue', rate: '20/10s' })
@Controller('books')
export class CatalogueController {
  constructor(private readonly books: Books) {}

  @Get()
  list(): readonly Book[] {
    return this.books.all();
  }

  @Get(':id')
  find(@Param('id', ParseIntPipe) id: number): Book {
    return this.books.one(id);
  }
}
