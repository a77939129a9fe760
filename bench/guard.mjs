// What observers add to a guarded request: nobody listening, metrics for Prometheus, the dashboard with its page open.
// Each contender is a whole application on Express in a process of its own; the requests come from here, over connections
// that stay open. What is compared is the CPU time that the server's process takes for a request, so that what else the
// machine does matters little; contenders take turns, each ratio is to the bare guard of the same round, and medians are
// shown.
//   npm run bench -- guard
import 'reflect-metadata';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { median } from './support/median.mjs';
import { report } from './support/report.mjs';
import { scaled } from './support/scale.mjs';

const ROUNDS = scaled(45);
const WARM_UP = scaled(15);
const REQUESTS = 400;
const CONNECTIONS = 8;
const LIMIT_PERCENT = { nobody: 3, metrics: 8, page: 10 };
const CONTENDERS = ['bare', ...Object.keys(LIMIT_PERCENT)];

const OK = Buffer.from('HTTP/1.1 200');

const contender = process.env.CONTENDER;
if (contender === undefined) await measure();
else await serve(contender);

/** One application: a route under two policies, as most have. */
async function serve(name) {
  // The Nest that the package under test loads, not the one beside the peers.
  const { Controller, Get, Module } = await import('../node_modules/@nestjs/common/index.js');
  const { NestFactory } = await import('../node_modules/@nestjs/core/index.js');
  const { RateLimit, RateLimitModule } = await import('../dist/esm/index.js');
  const { Decider } = await import('../dist/esm/limiter/decider.js');
  const { RateLimitDashboardModule } = await import('../dist/esm/integrations/dashboard/index.js');
  const { RateLimitPrometheusModule } = await import('../dist/esm/integrations/prometheus/index.js');

  class Cats {
    all() {
      return 'all';
    }
  }
  const decorate = (decorator) =>
    decorator(Cats.prototype, 'all', Object.getOwnPropertyDescriptor(Cats.prototype, 'all'));
  decorate(Get());
  decorate(RateLimit({ name: 'cats', rate: '1000000/s' }));
  Controller()(Cats);

  const limits = RateLimitModule.forRoot({ policies: { api: '1000000/s' }, apply: ['api'] });
  const imports = {
    bare: [],
    nobody: [],
    metrics: [RateLimitPrometheusModule.forRoot()],
    page: [RateLimitDashboardModule.forRoot()],
  };
  class App {}
  Module({ imports: [limits, ...imports[name]], controllers: [Cats] })(App);
  const app = await NestFactory.create(App, { logger: false });
  await app.listen(0, '127.0.0.1');
  // Connections wait while others take their turns.
  app.getHttpServer().keepAliveTimeout = 0;
  // As if there were no events at all.
  if (name === 'bare') {
    const decider = app.get(Decider);
    Object.defineProperty(decider.events, 'heard', { value: false });
    for (const guard of decider.guards) guard.calls = undefined;
  }
  let before = process.cpuUsage();
  process.on('message', () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    process.send(user + system);
  });
  process.send(app.getHttpServer().address().port);
}

async function measure() {
  const servers = {};
  for (const name of CONTENDERS) servers[name] = await start(name);
  const ratios = Object.fromEntries(CONTENDERS.map((name) => [name, []]));
  const micros = Object.fromEntries(CONTENDERS.map((name) => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    const times = {};
    // Every other round the other way round: what comes after a pause is slower.
    const order = round % 2 === 0 ? CONTENDERS : CONTENDERS.toReversed();
    for (const name of order) times[name] = await servers[name].turn();
    if (round < 0) continue;
    for (const name of CONTENDERS) {
      micros[name].push(times[name]);
      ratios[name].push(times[name] / times.bare);
    }
  }
  for (const name of CONTENDERS) servers[name].stop();
  const rows = CONTENDERS.map((name) => {
    const more = (median(ratios[name]) - 1) * 100;
    const limit = LIMIT_PERCENT[name];
    return [
      name,
      {
        'us a request': Number(median(micros[name]).toFixed(1)),
        'more %': Number(more.toFixed(1)),
        'at most %': limit ?? '',
      },
    ];
  });
  report('What observers add to a guarded request, processor time', Object.fromEntries(rows));
}

async function start(name) {
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, CONTENDER: name } });
  const [port] = await once(child, 'message');
  const watching = name === 'page' ? await watch(port) : undefined;
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => connection(port)));
  return {
    /** Microseconds of CPU that the server took for each request. */
    async turn() {
      child.send('');
      await once(child, 'message');
      await Promise.all(sockets.map((socket) => requests(socket, REQUESTS / CONNECTIONS)));
      child.send('');
      const [micros] = await once(child, 'message');
      return micros / REQUESTS;
    },
    stop() {
      for (const socket of sockets) socket.destroy();
      watching?.destroy();
      child.kill();
    },
  };
}

/** An open page: a connection that takes the stream. */
async function watch(port) {
  const socket = await connection(port);
  socket.write('GET /floodgate/api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  return socket.resume();
}

async function connection(port) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

/** Requests one after another; an answer is one packet, for it is short. */
async function requests(socket, count) {
  for (let index = 0; index < count; index += 1) {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = await once(socket, 'data');
    if (!answer.subarray(0, 12).equals(OK)) throw new Error(answer.toString());
  }
}
