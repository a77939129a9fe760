import { Controller, Get, Module, UseFilters, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  BackendUnavailableFilter,
  RateLimitConfigurationError,
  RateLimitGuard,
  RateLimitModule,
} from 'nestjs-floodgate';
import { startHttpApp } from '../support/http-app.js';

@Controller()
@UseGuards(RateLimitGuard)
class GuardedController {
  @Get()
  find(): string {
    return 'found';
  }
}

@Controller()
@UseFilters(BackendUnavailableFilter)
class FilteredController {
  @Get()
  find(): string {
    return 'found';
  }
}

@Module({ imports: [RateLimitModule] })
class FeatureModule {}

@Module({ controllers: [GuardedController] })
class GuardedModule {}

const forRoot = 'Write RateLimitModule.forRoot() or forRootAsync() there, once, in the root module.';
const addModule = 'add RateLimitModule.forRoot() to the imports of the root module';

describe('a start without the module says what to do', () => {
  it.each([
    ['where it is imported without options', { imports: [RateLimitModule] }, forRoot],
    ['where a feature module imports it without options', { imports: [FeatureModule] }, forRoot],
    [
      'where a feature module imports it once more without options',
      { imports: [FeatureModule, RateLimitModule.forRoot()] },
      forRoot,
    ],
    ['where a controller has the guard', { controllers: [GuardedController] }, addModule],
    [
      'where the application has the guard',
      { providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }] },
      addModule,
    ],
    [
      'where the module is not global, and not imported',
      { imports: [RateLimitModule.forRoot({ isGlobal: false }), GuardedModule] },
      addModule,
    ],
    ['where a controller has the filter', { controllers: [FilteredController] }, addModule],
  ])('%s', async (_where, metadata, mend) => {
    const error: unknown = await startHttpApp('express', metadata).then(
      (app) => app.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RateLimitConfigurationError);
    expect((error as Error).message).toContain(mend);
  });

  it('and starts where the module is there, imported by itself or not', async () => {
    await using app = await startHttpApp('express', {
      imports: [RateLimitModule.forRoot()],
      controllers: [GuardedController, FilteredController],
    });
    expect((await fetch(app.url)).status).toBe(200);
  });
});
