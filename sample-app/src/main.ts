import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { serveTills } from './tills/tills.server.js';

const port = Number(process.env['PORT'] ?? 3000);
// Port 0 is any that is free.
const tillsPort = Number(process.env['TILLS_PORT'] ?? (port && port + 1));

const app = await NestFactory.create(AppModule);
// Lets requests drain before connections close, the limiter's own last.
app.enableShutdownHooks();
await serveTills(app, tillsPort);
await app.listen(port);
const backend = process.env['REDIS_URL'] === undefined ? 'memory' : 'Redis';
console.log(`The bookshop is open: http://localhost:${port} (tills on TCP port ${tillsPort}, counting in ${backend})`);
