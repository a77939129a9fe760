import { Injectable } from '@nestjs/common';

/** A partner's warehouse within this process, which fails on demand. It counts how often it was asked. */
@Injectable()
export class SimulatedPartner {
  failing = false;
  calls = 0;

  async count(bookId: number): Promise<number> {
    this.calls += 1;
    if (this.failing) throw new Error('The warehouse does not answer');
    return bookId * 7;
  }
}
