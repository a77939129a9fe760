import type { Backend } from 'nestjs-floodgate';
import { describeConformance } from 'nestjs-floodgate/testing';
import { RunnableBlocks } from '../docs/runnable-blocks.js';
import { manualClock } from '../support/manual-clock.js';

interface TableBackendModule {
  readonly TableBackend: new (clock?: () => number) => Backend;
}

let blocks: RunnableBlocks;
let page: TableBackendModule;

beforeAll(async () => {
  blocks = await RunnableBlocks.of('docs/write-a-backend.md');
  page = await blocks.exportsOf<TableBackendModule>('table.backend.ts');
});

afterAll(async () => {
  await blocks[Symbol.asyncDispose]();
});

const clock = manualClock();
const algorithms = ['fixed-window'] as const;

describeConformance(
  { describe, it },
  {
    name: 'the backend of the page on a set clock',
    algorithms,
    clock,
    create: () => new page.TableBackend(clock),
  },
);

describeConformance(
  { describe, it },
  { name: 'the backend of the page in real time', algorithms, create: () => new page.TableBackend() },
);
