import { parentPort } from 'node:worker_threads';
import { host, type Answer, type Command, type HostInput } from './breaker-host.js';

/** Answers commands by messages until it is told to close: as a process, or as a thread. */
const input = JSON.parse(process.env['FLEET_INPUT'] ?? '{}') as HostInput;
const serve = await host(input);
const say = (message: { call: number; answer: Answer }): void => {
  if (parentPort === null) process.send?.(message);
  else parentPort.postMessage(message);
};

(parentPort ?? process).on('message', ({ call, command }: { call: number; command: Command }) => {
  void serve(command).then((answer) => {
    say({ call, answer });
    if (command.kind !== 'close') return;
    if (parentPort === null) process.disconnect();
    else parentPort.close();
  });
});
process.on('disconnect', () => process.exit());
say({ call: 0, answer: { worker: 0, pid: process.pid, started: true } });
