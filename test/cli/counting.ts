import { Test } from '@nestjs/testing';
import { type Backend, BackendService, type PolicyInput, RateLimitModule } from 'nestjs-floodgate';

const POLICIES: Record<string, PolicyInput> = {
  login: '5/15m',
  api: '100/m',
  reports: { rate: '10/h', algorithm: 'fixed-window' },
  tokens: { rate: '10/m', algorithm: 'token-bucket', burst: 20 },
  transfers: { rate: '9/h', algorithm: 'sliding-log' },
  once: { rate: '1/m', blockFor: '10m' },
};
/** Makes calls through an application that counts on a store. */
export async function counting(backend: Backend, count: (service: BackendService) => Promise<unknown>): Promise<void> {
  const module = RateLimitModule.forRoot({ backend, policies: POLICIES, timeout: '10s' });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication();
  try {
    await app.init();
    await count(app.get(BackendService));
  } finally {
    await app.close();
  }
}
