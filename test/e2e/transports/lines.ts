import type { LoggerService } from '@nestjs/common';

/** Lines of a log, by their level. */
export class Lines implements LoggerService {
  readonly errors: unknown[] = [];
  readonly warnings: unknown[] = [];
  log(): void {
    // Not looked at.
  }
  warn(line: unknown): void {
    this.warnings.push(line);
  }
  error(line: unknown): void {
    this.errors.push(line);
  }
}
