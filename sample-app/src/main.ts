import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { freePortFrom, mustBeFree, portIn, TILLS, WEB } from './ports.js';
import { serveTills, TILLS_HOST } from './tills/tills.server.js';

const port = portIn(WEB) ?? 3000;
const tillsPort = portIn(TILLS) ?? (await freePortFrom(port + 1, TILLS_HOST));
await mustBeFree(port, WEB);
await mustBeFree(tillsPort, TILLS, TILLS_HOST);

const app = await NestFactory.create(AppModule);
// Lets requests end before connections close. The connection of the limiter closes last.
app.enableShutdownHooks();
await serveTills(app, tillsPort);
await app.listen(port);
const backend = process.env['REDIS_URL'] === undefined ? 'memory' : 'Redis';
console.log(`The bookshop is open: http://localhost:${port} (tills on TCP port ${tillsPort}, counting in ${backend})`);
