import { Module } from '@nestjs/common';
import { PartnerModule } from '../partner/partner.module.js';
import { DemoController } from './demo.controller.js';
import { DemoState } from './demo.state.js';
import { Load } from './load.js';
import { OutageModule } from './outage.module.js';
import { PageController } from './page.controller.js';
import { ShopClient } from './shop.client.js';

/** What a demo needs and an application does not: leave this folder out of your own. */
@Module({
  imports: [OutageModule, PartnerModule],
  controllers: [PageController, DemoController],
  providers: [DemoState, Load, ShopClient],
})
export class DemoModule {}
