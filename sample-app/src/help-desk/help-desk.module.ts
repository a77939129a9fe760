import { Module } from '@nestjs/common';
import { HelpDeskGateway } from './help-desk.gateway.js';

@Module({ providers: [HelpDeskGateway] })
export class HelpDeskModule {}
