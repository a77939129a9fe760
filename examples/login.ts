import { Body, Controller, Module, Post, UnauthorizedException } from '@nestjs/common';
import { RateLimit, RateLimitModule } from 'nestjs-floodgate';

/** Five wrong passwords for an account from one address, then fifteen minutes without any try. */
@Controller('login')
class LoginController {
  @RateLimit({
    name: 'login',
    rate: '5/15m',
    key: ['ip', 'body:email'],
    chargeOn: 'failure',
    blockFor: '15m',
    message: 'Too many attempts.',
  })
  @Post()
  login(@Body('password') password: string): string {
    if (password !== 'correct') throw new UnauthorizedException();
    return 'welcome';
  }
}

@Module({ imports: [RateLimitModule.forRoot()], controllers: [LoginController] })
export class AppModule {}
