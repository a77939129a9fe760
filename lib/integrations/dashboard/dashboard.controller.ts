import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Header } from '../../transports/http/headers.js';
import { reply, setHeaders } from '../../transports/http/response.js';
import { OwnPage } from '../own-page.decorator.js';
import { DashboardAccess } from './dashboard-access.guard.js';
import { DashboardActions } from './dashboard.actions.js';
import { DashboardService } from './dashboard.service.js';
import { rawResponse } from './event-response.js';
import type { HttpRequest } from './origin.js';
import { ASSETS, pageUnder } from './page-assets.js';

/** Nothing from elsewhere, nothing inline, in no frame but one of the application's own pages. */
const SECURITY: readonly Header[] = [
  [
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'SAMEORIGIN'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cache-Control', 'no-store'],
];

/** The controller that serves the page, its state and its actions at a path. */
export function dashboardController(path: string): Type {
  const [lastSegment = ''] = path.split('/').filter(Boolean).slice(-1);

  /** It answers by itself: an interceptor of the application would wrap what is returned. */
  @OwnPage()
  @UseGuards(DashboardAccess)
  @Controller({ path, version: VERSION_NEUTRAL })
  class RateLimitDashboardController {
    constructor(
      @Inject(DashboardService) private readonly dashboard: DashboardService,
      @Inject(DashboardActions) private readonly actions: DashboardActions,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    @Get()
    page(@Req() request: HttpRequest & { readonly url: string }, @Res() response: object): void {
      // Relative to where the page is, so that it works behind a proxy that serves it under another path.
      const [pathname = ''] = request.url.split('?');
      this.answer(response, 'text/html; charset=utf-8', pageUnder(pathname.endsWith('/') ? './' : `./${lastSegment}/`));
    }

    @Get('assets/:name')
    asset(@Param('name') name: string, @Res() response: object): void {
      const asset = ASSETS.get(name);
      if (asset === undefined) throw new NotFoundException();
      this.answer(response, asset.type, asset.text);
    }

    @Get('api/state')
    state(@Res() response: object): void {
      this.answer(response, 'application/json; charset=utf-8', JSON.stringify(this.dashboard.state()));
    }

    @Get('api/stream')
    stream(@Res() response: object): void {
      this.dashboard.stream(rawResponse(response));
    }

    @Post('api/actions/:action')
    @HttpCode(200)
    async act(
      @Param('action') action: string,
      @Req() request: HttpRequest,
      @Body() body: unknown,
      @Res() response: object,
    ): Promise<void> {
      const done = await this.actions.act(action, request, body);
      this.answer(response, 'application/json; charset=utf-8', JSON.stringify(done));
    }

    private answer(response: object, type: string, text: string): void {
      setHeaders(this.host, response, [...SECURITY, ['Content-Type', type]]);
      reply(this.host, response, 200, text);
    }
  }
  return RateLimitDashboardController;
}
