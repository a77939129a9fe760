// A client of the help desk, over socket.io: `node sample-app/clients/help-desk.mjs ask|tell|connect <times>`.
// `ask` wants an acknowledgement of each question, `tell` wants none, and `connect` opens so many connections.
import { io } from 'socket.io-client';

const [verb = 'ask', times = '1'] = process.argv.slice(2);
const url = `http://localhost:${process.env['PORT'] ?? 3000}`;

async function open() {
  const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
  // A refusal that no acknowledgement carries.
  if (verb !== 'ask') socket.on('exception', (refusal) => console.log('exception', JSON.stringify(refusal)));
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  return socket;
}

/**
 * What the server answers, or 'closed' where it has closed the connection instead.
 *
 * @param {import('socket.io-client').Socket} socket
 * @param {string} event
 */
async function answerTo(socket, event) {
  return socket.connected ? socket.emitWithAck(event, 'Is it good?').catch(() => 'closed') : 'closed';
}

const socket = await open();
const sockets = [socket];
if (verb === 'connect') {
  while (sockets.length < Number(times)) sockets.push(await open());
  for (const one of sockets) console.log(await answerTo(one, 'hours'));
} else {
  for (let time = 0; time < Number(times); time += 1) {
    if (verb === 'ask') console.log('answer', JSON.stringify(await answerTo(socket, 'ask')));
    else socket.emit('ask', 'Is it good?');
  }
  // Messages are answered in order: what comes before this has come.
  await answerTo(socket, 'hours');
}
for (const one of sockets) one.close();
