import {
  Controller,
  Get,
  HttpCode,
  type MessageEvent,
  type OnModuleDestroy,
  Post,
  Sse,
  UseGuards,
} from '@nestjs/common';
import { SkipRateLimit } from 'nestjs-floodgate';
import { map, merge, type Observable, Subject, takeUntil, timer } from 'rxjs';
import { SimulatedPartner } from '../partner/simulated-partner.js';
import { DemoState } from './demo.state.js';
import { Load } from './load.js';
import { LoopbackGuard } from './loopback.guard.js';
import { Outage } from './outage.js';

/** For trying things out only: sends load, takes the partner or the backend away, and brings them back. */
@SkipRateLimit()
@UseGuards(LoopbackGuard)
@Controller('demo')
export class DemoController implements OnModuleDestroy {
  private readonly changed = new Subject<void>();
  private readonly ended = new Subject<void>();

  constructor(
    private readonly outage: Outage,
    private readonly partner: SimulatedPartner,
    private readonly load: Load,
    private readonly state: DemoState,
  ) {}

  /** All that the page shows: each second, and after each action. */
  @Sse('stream')
  stream(): Observable<MessageEvent> {
    return merge(timer(0, 1_000), this.changed).pipe(
      takeUntil(this.ended),
      map(() => ({ data: this.state.all() })),
    );
  }

  @Get('partner')
  lookAtPartner(): object {
    return this.state.partner();
  }

  @Post('partner/down')
  @HttpCode(200)
  partnerDown(): object {
    this.partner.failing = true;
    return this.tell(this.state.partner());
  }

  @Post('partner/up')
  @HttpCode(200)
  partnerUp(): object {
    this.partner.failing = false;
    return this.tell(this.state.partner());
  }

  @Get('backend')
  lookAtBackend(): object {
    return this.state.backend();
  }

  @Post('backend/down')
  @HttpCode(200)
  backendDown(): object {
    this.outage.switch(true);
    return this.tell(this.state.backend());
  }

  @Post('backend/up')
  @HttpCode(200)
  backendUp(): object {
    this.outage.switch(false);
    return this.tell(this.state.backend());
  }

  @Get('load')
  lookAtLoad(): object {
    return this.state.load();
  }

  @Post('load/start')
  @HttpCode(200)
  startLoad(): object {
    this.load.start();
    return this.tell(this.state.load());
  }

  @Post('load/stop')
  @HttpCode(200)
  stopLoad(): object {
    this.load.stop();
    return this.tell(this.state.load());
  }

  @Post('load/burst')
  @HttpCode(200)
  sendBurst(): object {
    this.load.sendBurst();
    return this.tell(this.state.load());
  }

  /** A stream would keep the server from closing. */
  onModuleDestroy(): void {
    this.ended.next();
  }

  private tell<T>(answer: T): T {
    this.changed.next();
    return answer;
  }
}
