/** What specs import from `@jest/globals`, by Vitest. */
export { vi as jest } from 'vitest';
