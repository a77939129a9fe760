import { Injectable, NotFoundException } from '@nestjs/common';

export interface Book {
  readonly id: number;
  readonly title: string;
  readonly author: string;
}

const BOOKS: readonly Book[] = [
  { id: 1, title: 'The Water-Babies', author: 'Charles Kingsley' },
  { id: 2, title: 'The Mill on the Floss', author: 'George Eliot' },
  { id: 3, title: 'Three Men in a Boat', author: 'Jerome K. Jerome' },
];

/** The shop's books, in place of a database. */
@Injectable()
export class Books {
  all(): readonly Book[] {
    return BOOKS;
  }

  /** @throws NotFoundException if the shop has no such book */
  one(id: number): Book {
    const book = BOOKS.find((other) => other.id === id);
    if (book === undefined) throw new NotFoundException(`There is no book ${id}.`);
    return book;
  }

  /** Books whose title or author holds the words. */
  about(words: string): readonly Book[] {
    return BOOKS.filter(({ title, author }) => `${title} ${author}`.toLowerCase().includes(words.toLowerCase()));
  }
}
