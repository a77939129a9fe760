import { MessageBody, type OnGatewayConnection, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { RateLimit } from 'nestjs-floodgate';

/** Questions to the bookseller, over socket.io. Connections are limited too, so that a reconnect storm is bounded. */
@WebSocketGateway()
export class HelpDeskGateway implements OnGatewayConnection {
  @RateLimit({ name: 'connections', rate: '10/m' })
  handleConnection(): void {
    // Nothing to prepare: it is here for its decorator.
  }

  /** What it returns goes to a client that asked for an acknowledgement. */
  @RateLimit({ name: 'questions', rate: '3/10s' })
  @SubscribeMessage('ask')
  ask(@MessageBody() question: unknown): { readonly answer: string } {
    return { answer: `I will look into "${String(question)}".` };
  }

  /** Costs nothing: messages are limited by what they declare, and not by what the module applies to routes. */
  @SubscribeMessage('hours')
  hours(): string {
    return 'We are open from nine to six.';
  }
}
