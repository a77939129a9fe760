export { documentRateLimits, type DocumentedLimit } from './document-rate-limits.js';
