import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { RateLimitModule, BackendService } from './dist/esm/index.js';
import { redisBackend } from './dist/esm/backends/redis/index.js';
import { postgresBackend } from './dist/esm/backends/postgres/index.js';
const url = process.argv[2];
const backend = url.startsWith('redis') ? redisBackend({ url }) : postgresBackend({ connectionString: url });
class App {}
Module({ imports: [RateLimitModule.forRoot({ backend, timeout: '5s', policies: { login: '5/15m', api: '100/m', bucket: {rate:'10/m', algorithm:'token-bucket', burst: 20}, fixed: {rate:'7/h', algorithm:'fixed-window'}, log:{rate:'9/h', algorithm:'sliding-log'}, blocky: {rate:'1/m', blockFor:'10m'} } })] })(App);
const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
const s = app.get(BackendService);
for (let i = 0; i < 3; i++) await s.consume('user:42', ['login','api','bucket','fixed','log']);
for (let i = 0; i < 6; i++) await s.consume('ip:192.0.2.1', 'login');
for (let i = 0; i < 2; i++) await s.consume('user:bad', 'blocky');
await s.consume('evil\u001b[2J\u009b31m{%}', '100/m');
for (let i = 0; i < 50; i++) await s.consume('user:'+i, 'api', {cost: i});
await app.close();
