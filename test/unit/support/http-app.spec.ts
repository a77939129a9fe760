import { Controller, Get, Inject, Ip, Module, type OnApplicationShutdown, Injectable } from '@nestjs/common';
import { platforms, startHttpApp } from '../../support/http-app.js';

@Injectable()
class Greeter implements OnApplicationShutdown {
  shutDown = false;
  greet(): string {
    return 'hello';
  }
  onApplicationShutdown(): void {
    this.shutDown = true;
  }
}

@Controller()
class GreetingController {
  constructor(@Inject(Greeter) private readonly greeter: Greeter) {}

  @Get('greeting')
  greeting(): string {
    return this.greeter.greet();
  }

  @Get('ip')
  ip(@Ip() ip: string): string {
    return ip;
  }
}

const metadata = { controllers: [GreetingController], providers: [Greeter] };

@Module(metadata)
class GreetingModule {}

@Module({ providers: [{ provide: 'broken', useFactory: () => Promise.reject(new Error('cannot start')) }] })
class BrokenModule {}

describe.each(platforms)('startHttpApp on %s', (platform) => {
  it.each([
    ['a module', GreetingModule],
    ['metadata', metadata],
  ])('serves %s', async (_, module) => {
    await using http = await startHttpApp(platform, module);
    const response = await fetch(`${http.url}/greeting`);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('hello');
    expect(http.app.getHttpAdapter().getType()).toBe(platform);
  });

  it('configures the application before it initialises', async () => {
    await using http = await startHttpApp(platform, GreetingModule, (app) => {
      app.setGlobalPrefix('api');
    });
    expect((await fetch(`${http.url}/greeting`)).status).toBe(404);
    expect((await fetch(`${http.url}/api/greeting`)).status).toBe(200);
  });

  it.each([
    [true, '192.0.2.7'],
    [false, '127.0.0.1'],
  ])('trusts a proxy: %s', async (trustProxy, ip) => {
    await using http = await startHttpApp(platform, GreetingModule, undefined, { trustProxy });
    const response = await fetch(`${http.url}/ip`, { headers: { 'X-Forwarded-For': '192.0.2.7' } });
    expect(await response.text()).toBe(ip);
  });

  it('runs the shutdown hooks and stops listening when it closes', async () => {
    const http = await startHttpApp(platform, GreetingModule);
    await fetch(`${http.url}/greeting`).then((response) => response.text());
    await http.close();
    expect(http.app.get(Greeter).shutDown).toBe(true);
    await expect(fetch(`${http.url}/greeting`)).rejects.toThrow('fetch failed');
  });

  it('throws what the application throws while it starts', async () => {
    await expect(startHttpApp(platform, BrokenModule)).rejects.toThrow('cannot start');
  });
});
