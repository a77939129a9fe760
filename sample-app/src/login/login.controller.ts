import { Body, Controller, HttpCode, Post, UnauthorizedException } from '@nestjs/common';
import { RateLimit } from 'nestjs-floodgate';
import type { Credentials } from './account.js';

@Controller('login')
export class LoginController {
  @RateLimit('login')
  @Post()
  @HttpCode(200)
  login(@Body() credentials: Credentials | undefined): { readonly welcome: string } {
    // In place of a user directory.
    if (credentials?.account === 'george' && credentials.password === 'montmorency') return { welcome: 'george' };
    throw new UnauthorizedException('Wrong account or password.');
  }
}
