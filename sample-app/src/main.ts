import { RateLimitConfigurationError } from 'nestjs-floodgate';

console.log(RateLimitConfigurationError.name);
