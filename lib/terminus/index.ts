export type { BackendHealth, BackendStatus } from '../contracts/backend.js';
