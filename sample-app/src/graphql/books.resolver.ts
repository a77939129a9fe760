import { Query, Resolver } from '@nestjs/graphql';
import { RateLimit } from 'nestjs-floodgate';
import { type Book, Books } from '../catalogue/books.js';
import { BookType } from './book.type.js';

/**
 * Each root field is one call: all count for `api`, and `recommended` has a limit of its own. They are nullable, so that
 * a refused field leaves the others in the answer.
 */
@Resolver(() => BookType)
export class BooksResolver {
  private next = 0;

  constructor(private readonly shop: Books) {}

  @Query(() => [BookType], { nullable: true })
  books(): readonly Book[] {
    return this.shop.all();
  }

  @RateLimit({ name: 'recommended', rate: '3/m' })
  @Query(() => BookType, { nullable: true })
  recommended(): Book {
    const books = this.shop.all();
    return books[this.next++ % books.length]!;
  }
}
