import { Body, Controller, Inject, Module, Post } from '@nestjs/common';
import { BackendService, RateLimitModule } from 'nestjs-floodgate';

/** Charges an estimate, and corrects it when the answer is there. */
@Controller('chat')
class ChatController {
  constructor(@Inject(BackendService) private readonly backend: BackendService) {}

  @Post()
  ask(@Body('prompt') prompt: string): Promise<string> {
    return this.backend.withLease(
      'user:ann',
      'tokens',
      async (lease) => {
        const answer = prompt.repeat(2); // in your application: a model
        await lease.adjust(answer.length - 10);
        return answer;
      },
      { cost: 10 },
    );
  }
}

@Module({
  imports: [RateLimitModule.forRoot({ policies: { tokens: { rate: '100/d', unit: 'tokens' } } })],
  controllers: [ChatController],
})
export class AppModule {}
