import { applyDecorators, SetMetadata } from '@nestjs/common';
import { SkipRateLimit } from '../guard/rate-limit.decorators.js';
import { Unobserved } from '../observe/unobserved.decorator.js';

/** Under which @nestjs/swagger keeps `@ApiExcludeController()`. */
const EXCLUDED = 'swagger/apiExcludeController';

/** A page of the package's own in an application: not limited, not counted, and not in its OpenAPI document. */
export const OwnPage = (): ClassDecorator =>
  applyDecorators(Unobserved(), SkipRateLimit(), SetMetadata(EXCLUDED, [true]));
