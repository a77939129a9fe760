// The package is ESM; this file makes Node and TypeScript read dist/cjs as CommonJS.
import { writeFile } from 'node:fs/promises';

await writeFile(new URL('../dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
