import { jest } from '@jest/globals';
import { Body, Controller, Logger, Post } from '@nestjs/common';
import { RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { platforms, startHttpApp } from '../support/http-app.js';
import { recordingBackend } from '../unit/guard/recording-backend.js';

@Controller()
class LoginController {
  @RateLimit({ name: 'login', rate: '2/m', key: 'body:email' })
  @Post('login')
  login(@Body() body: unknown): string {
    return typeof body;
  }
}

const IP = 'ip:127.0.0.1';
const json = (body: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
});

describe.each(platforms)('a login that is keyed by body:email on %s', (platform) => {
  it.each<[string, string, string]>([
    ['a text', '{"email":"a@example.org"}', 'body:email:a@example.org'],
    ['a number', '{"email":42}', 'body:email:42'],
    ['nothing', '{}', IP],
    ['an empty text', '{"email":""}', IP],
    ['null', '{"email":null}', IP],
    ['an array', '{"email":["a@example.org","b@example.org"]}', IP],
    ['an object', '{"email":{"$ne":null}}', IP],
    ['an object that calls itself a text', '{"email":{"toString":"x","length":5}}', IP],
    ['a truth value', '{"email":true}', IP],
    ['an array for a body', '["a@example.org"]', IP],
  ])('counts %s', async (_what, body, key) => {
    const backend = recordingBackend();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    try {
      await using app = await startHttpApp(platform, {
        imports: [RateLimitModule.forRoot({ backend })],
        controllers: [LoginController],
      });
      const statuses: number[] = [];
      for (let call = 0; call < 3; call += 1) statuses.push((await fetch(`${app.url}/login`, json(body))).status);
      expect(statuses).toEqual([201, 201, 429]);
      expect(backend.keys()).toEqual([key, key, key]);
      const missing = "A call lacks the key 'body:email': such calls are limited by ip instead.";
      expect(warn.mock.calls.map(([message]) => message)).toEqual(key === IP ? [missing] : []);
    } finally {
      warn.mockRestore();
    }
  });

  it('counts a call without a body', async () => {
    const backend = recordingBackend();
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRoot({ backend })],
      controllers: [LoginController],
    });
    expect((await fetch(`${app.url}/login`, { method: 'POST' })).status).toBe(201);
    expect(backend.keys()).toEqual([IP]);
    warn.mockRestore();
  });

  it('stores a bounded key of a huge text', async () => {
    const backend = recordingBackend();
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRoot({ backend })],
      controllers: [LoginController],
    });
    const response = await fetch(`${app.url}/login`, json(JSON.stringify({ email: 'a'.repeat(90_000) })));
    expect(response.status).toBe(201);
    expect(backend.keys()).toEqual([expect.stringMatching(/^sha256:[\w-]{43}$/)]);
  });
});
