import type { Type } from '@nestjs/common';
import { platforms, startHttpApp } from '../support/http-app.js';
import { responseTo, responsesOf } from './console-session.js';
import { textOf } from './markdown.js';
import { RunnableBlocks } from './runnable-blocks.js';

const blocks = await RunnableBlocks.of('README.md');
afterAll(() => blocks[Symbol.asyncDispose]());

test('the README has at most 200 lines', () => {
  expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(201);
});

test.each(platforms)('the README shows the response to the fourth call on %s', async (platform) => {
  const { AppModule } = await blocks.exportsOf<{ AppModule: Type }>('app.module.ts');
  await using app = await startHttpApp(platform, AppModule);
  const headers = ['RateLimit-Policy', 'RateLimit', 'Retry-After'];
  expect(responsesOf('README.md')).toEqual([await responseTo(`${app.url}/cats`, 4, headers)]);
});
