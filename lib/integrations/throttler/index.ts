export { FloodgateThrottlerStorage, type FloodgateThrottlerStorageOptions } from './floodgate-throttler.storage.js';
export { ThrottlerUnavailableException } from './throttler-unavailable.exception.js';
