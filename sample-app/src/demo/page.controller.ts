import { readFileSync } from 'node:fs';
import { Controller, Get, Header } from '@nestjs/common';
import { SkipRateLimit } from 'nestjs-floodgate';

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const SECURITY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const textOf = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8');

/** The start page, whose buttons use the demo. */
@SkipRateLimit()
@Controller()
export class PageController {
  private readonly html = textOf('page.html');
  private readonly js = textOf('page.js');
  private readonly css = textOf('page.css');

  @Get()
  @Header('Content-Security-Policy', SECURITY)
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): string {
    return this.html;
  }

  @Get('demo/page.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return this.js;
  }

  @Get('demo/page.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  style(): string {
    return this.css;
  }
}
