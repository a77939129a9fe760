import { Controller, Get, Param, ParseIntPipe } from '@nestjs/common';
import { Books } from '../catalogue/books.js';
import { type Stock, Warehouse } from './warehouse.js';

@Controller('books')
export class StockController {
  constructor(
    private readonly books: Books,
    private readonly warehouse: Warehouse,
  ) {}

  @Get(':id/stock')
  stock(@Param('id', ParseIntPipe) id: number): Promise<Stock> {
    return this.warehouse.stockOf(this.books.one(id).id);
  }
}
