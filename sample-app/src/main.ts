import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { freePortFrom, serveTills } from './tills/tills.server.js';

const port = Number(process.env['PORT'] ?? 3000);
const tillsPort = Number(process.env['TILLS_PORT'] ?? (await freePortFrom(port + 1)));

const app = await NestFactory.create(AppModule);
// Lets requests drain before connections close, the limiter's own last.
app.enableShutdownHooks();
await serveTills(app, tillsPort);
try {
  await app.listen(port);
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  console.error(`Port ${port} is taken. Choose another one: PORT=3100 npm start`);
  process.exit(1);
}
const backend = process.env['REDIS_URL'] === undefined ? 'memory' : 'Redis';
console.log(`The bookshop is open: http://localhost:${port} (tills on TCP port ${tillsPort}, counting in ${backend})`);
