import { register } from 'node:module';

/** A process of a host that runs the TypeScript of `lib` and `test`, whoever started it: a cluster or a fork. */
register('../../support/worker-hooks.js', import.meta.url);
await import('./main.run.js');
