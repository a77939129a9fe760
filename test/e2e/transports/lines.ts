import type { LoggerService } from '@nestjs/common';

/** Lines of a log, by their level. */
export class Lines implements LoggerService {
  readonly infos: unknown[] = [];
  readonly errors: unknown[] = [];
  readonly warnings: unknown[] = [];
  log(line: unknown): void {
    this.infos.push(line);
  }
  warn(line: unknown): void {
    this.warnings.push(line);
  }
  error(line: unknown): void {
    this.errors.push(line);
  }
  clear(): void {
    for (const lines of [this.infos, this.errors, this.warnings]) lines.length = 0;
  }
}
