import { once } from 'node:events';
import { createServer } from 'node:net';

const HIGHEST = 65_535;

/** A variable of the environment that names a port. */
export interface PortVariable {
  readonly name: string;
  /** A port for the example in messages. */
  readonly example: number;
}

export const WEB: PortVariable = { name: 'PORT', example: 3100 };
export const TILLS: PortVariable = { name: 'TILLS_PORT', example: 4100 };

/** The port in a variable, or `undefined` if it is not set. Ends the process if the value is not a port. */
export function portIn({ name, example }: PortVariable): number | undefined {
  const text = process.env[name] ?? '';
  if (text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= HIGHEST) return port;
  return endWith(`${name} is '${text}'. Give a port from 1 to ${HIGHEST}: ${name}=${example} npm start`);
}

/** Ends the process if nobody can listen on a port. Nest would print a stack, or more. */
export async function mustBeFree(port: number, { name, example }: PortVariable, host?: string): Promise<void> {
  const code = await whyTaken(port, host);
  if (code === undefined) return;
  const why = code === 'EADDRINUSE' ? `Port ${port} is taken` : `Port ${port} cannot be used (${code})`;
  endWith(`${why}. Choose another one: ${name}=${example} npm start`);
}

/** The first free port from this one on. */
export async function freePortFrom(port: number, host: string): Promise<number> {
  if (port > HIGHEST) return freePortFrom(1_024, host);
  return (await whyTaken(port, host)) === undefined ? port : freePortFrom(port + 1, host);
}

/** Why nobody can listen on a port, such as `EADDRINUSE`; `undefined` if it is free. */
async function whyTaken(port: number, host: string | undefined): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  } finally {
    server.close();
  }
}

function endWith(line: string): never {
  console.error(line);
  process.exit(1);
}
