import { Module } from '@nestjs/common';
import { Outage } from './outage.js';

/** Apart from the demo, since the limiter's options need it before the demo can need the limiter. */
@Module({ providers: [Outage], exports: [Outage] })
export class OutageModule {}
