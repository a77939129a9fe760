import { AppModule } from '../../sample-app/src/app.module.js';
import { serveTills } from '../../sample-app/src/tills/tills.server.js';
import { freePort } from './free-port.js';
import { type HttpApp, startHttpApp } from './http-app.js';

/** Starts the sample with an environment of its own, without the tills. */
export const startSample = (env: Readonly<Record<string, string>> = {}): Promise<HttpApp> =>
  withEnvironment(env, () => startHttpApp('express', AppModule));

export interface SampleWithTills extends HttpApp {
  /** TCP port of the tills. */
  readonly tillsPort: number;
}

/** The same as `npm start` does it: a hybrid application. */
export async function startSampleWithTills(env: Readonly<Record<string, string>> = {}): Promise<SampleWithTills> {
  const tillsPort = await freePort();
  const http = await withEnvironment(env, () =>
    startHttpApp('express', AppModule, (app) => serveTills(app, tillsPort)),
  );
  return { ...http, tillsPort };
}

async function withEnvironment<T>(env: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  const before = process.env;
  process.env = { ...before, ...env };
  try {
    return await work();
  } finally {
    process.env = before;
  }
}
