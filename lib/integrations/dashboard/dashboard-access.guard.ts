import { type CanActivate, type ExecutionContext, ForbiddenException, Inject, Injectable } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import { DashboardService } from './dashboard.service.js';
import { isLocal, isOwnOrigin, type HttpRequest } from './origin.js';

/** Who may see the page: whom the guards let pass; without guards, this machine alone. @internal */
@Injectable()
export class DashboardAccess implements CanActivate {
  constructor(@Inject(DashboardService) private readonly dashboard: DashboardService) {}

  /** @throws ForbiddenException for everybody else, and for what another site asks in a browser */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { guards } = this.dashboard.settings;
    const request = context.switchToHttp().getRequest<HttpRequest>();
    if (guards.length === 0 && !isLocal(request)) {
      throw new ForbiddenException('The dashboard serves this machine alone until it is given guards.');
    }
    if (!isOwnOrigin(request)) throw new ForbiddenException('The dashboard only answers its own page.');
    for (const type of guards) {
      const guard = await this.dashboard.application.injection.instanceOf(type, context);
      const answer = guard.canActivate(context);
      if (!(isObservable(answer) ? await lastValueFrom(answer) : await answer)) return false;
    }
    return true;
  }
}
