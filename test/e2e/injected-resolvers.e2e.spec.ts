import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  type Decision,
  type KeyResolver,
  type PolicyInput,
  type PolicyResolver,
  RateLimit,
  RateLimitDecision,
  RateLimitModule,
} from 'nestjs-floodgate';
import { platforms, startHttpApp } from '../support/http-app.js';

interface WithHeaders {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

@Injectable()
class Plans {
  rateOf(plan: string | undefined): string {
    return plan === 'gold' ? '100/m' : '2/m';
  }
}

/** One visit a request: the same for everything that is injected for it. */
@Injectable({ scope: Scope.REQUEST })
class Visit {
  private static count = 0;
  readonly number = (Visit.count += 1);
}

@Injectable({ scope: Scope.REQUEST })
class PlanPolicy implements PolicyResolver {
  constructor(
    @Inject(REQUEST) private readonly request: WithHeaders,
    @Inject(Plans) private readonly plans: Plans,
    @Inject(Visit) private readonly visit: Visit,
  ) {}

  async resolve(): Promise<PolicyInput> {
    return {
      name: `plan:${this.visit.number}`,
      rate: this.plans.rateOf(this.request.headers['x-plan']),
      key: VisitKey,
    };
  }
}

/** Tells by the policy's name and by its own key whether both were made for one visit. */
@Injectable({ scope: Scope.REQUEST })
class VisitKey implements KeyResolver {
  static last = 0;

  constructor(@Inject(Visit) private readonly visit: Visit) {}

  resolve(): string {
    VisitKey.last = this.visit.number;
    return 'visit';
  }
}

const nameAndLimit = ({ policies }: Decision): unknown => policies.map(({ name, limit }) => ({ name, limit }));

@Controller()
class SingletonController {
  @RateLimit(PlanPolicy)
  @Get('singleton')
  find(@RateLimitDecision() decision: Decision): unknown {
    return nameAndLimit(decision);
  }
}

@Controller({ scope: Scope.REQUEST })
class RequestScopedController {
  constructor(@Inject(Visit) private readonly visit: Visit) {}

  @RateLimit(PlanPolicy)
  @Get('scoped')
  find(@RateLimitDecision() decision: Decision): unknown {
    return { visit: this.visit.number, policies: nameAndLimit(decision) };
  }
}

describe.each(platforms)('resolvers that are request-scoped providers, on %s', (platform) => {
  const start = () =>
    startHttpApp(platform, {
      imports: [RateLimitModule.forRoot()],
      controllers: [SingletonController, RequestScopedController],
      providers: [Plans, PlanPolicy, VisitKey, Visit],
    });

  it('are given the request, and share what is made for it', async () => {
    await using app = await start();
    const gold = await fetch(`${app.url}/singleton`, { headers: { 'x-plan': 'gold' } });
    expect(await gold.json()).toEqual([{ name: `plan:${VisitKey.last}`, limit: 100 }]);
    const plain = await fetch(`${app.url}/singleton`);
    expect(await plain.json()).toEqual([{ name: `plan:${VisitKey.last}`, limit: 2 }]);
  });

  it('share what is made for the request with a controller that is request-scoped', async () => {
    await using app = await start();
    const answer = await fetch(`${app.url}/scoped`, { headers: { 'x-plan': 'gold' } });
    const visit = VisitKey.last;
    expect(await answer.json()).toEqual({ visit, policies: [{ name: `plan:${visit}`, limit: 100 }] });
  });
});
