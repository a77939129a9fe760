import { Injectable } from '@nestjs/common';
import type { Book } from '../catalogue/books.js';

/** In place of a service that is paid by the word, and tells how many they were when it is done. */
@Injectable()
export class LanguageModel {
  async summarise({ title, author }: Book): Promise<{ readonly text: string; readonly words: number }> {
    const text = `In '${title}', ${author} tells a story that is best read.`;
    return { text, words: text.split(' ').length };
  }
}
