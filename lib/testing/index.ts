export type { Backend } from '../contracts/backend.js';
