export {
  BackendUnavailableError,
  CircuitOpenError,
  DeadlineExceededError,
  FloodgateError,
  RateLimitConfigurationError,
} from './contracts/errors.js';
