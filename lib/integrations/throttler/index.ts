export { FloodgateThrottlerStorage, type FloodgateThrottlerStorageOptions } from './floodgate-throttler.storage.js';
