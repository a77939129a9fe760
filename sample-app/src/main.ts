import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
// Lets requests drain before connections close, the limiter's own last.
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000);
