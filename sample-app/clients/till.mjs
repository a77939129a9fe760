// A till, over TCP: `node sample-app/clients/till.mjs <book> <times>` reserves a book so many times.
import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

const [book = '1', times = '1'] = process.argv.slice(2);
const port = Number(process.env['TILLS_PORT'] ?? Number(process.env['PORT'] ?? 3000) + 1);
const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });

for (let time = 0; time < Number(times); time += 1) {
  try {
    console.log('answer', JSON.stringify(await firstValueFrom(client.send('reserve', { book }))));
  } catch (error) {
    console.log('error', JSON.stringify(error));
  }
}
await client.close();
