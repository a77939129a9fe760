import { Controller, ParseIntPipe } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RateLimit } from 'nestjs-floodgate';
import { Books } from '../catalogue/books.js';

/** What the tills of the shops ask over TCP. Each shop is limited by the address of its socket. */
@Controller()
export class TillsController {
  constructor(private readonly books: Books) {}

  @RateLimit({ name: 'tills', rate: '3/10s' })
  @MessagePattern('reserve')
  reserve(@Payload('book', ParseIntPipe) id: number): { readonly reserved: string } {
    return { reserved: this.books.one(id).title };
  }
}
