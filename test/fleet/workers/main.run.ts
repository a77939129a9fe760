import { host, type Answer, type Command, type HostInput } from './breaker-host.js';

/** Answers commands by messages until it is told to close. */
const input = JSON.parse(process.env['FLEET_INPUT'] ?? '{}') as HostInput;
const serve = await host(input);
const say = (message: { call: number; answer: Answer }): void => void process.send?.(message);

process.on('message', ({ call, command }: { call: number; command: Command }) => {
  void serve(command).then((answer) => {
    say({ call, answer });
    if (command.kind === 'close') process.disconnect();
  });
});
process.on('disconnect', () => process.exit());
say({ call: 0, answer: { worker: 0, pid: process.pid, started: true } });
