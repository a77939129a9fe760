import { FAULT_ORDER, faultsIn } from './fault-table.js';
import { SERVER_FAULTS, TOPOLOGY_FAULTS } from './faults.js';
import { DYNAMO_FAULTS } from './dynamodb.faults.js';
import { readDocument } from './measurements.js';
import { POSTGRES_FAULTS } from './postgres.faults.js';
import { STORE_FAULT_ORDER } from './store-table.js';

describe('the table in the docs', () => {
  it('has a row for every fault of the other stores', () => {
    const named = (store: string, faults: readonly { readonly name: string }[]) =>
      faults.map(({ name }) => `${store}: ${name}`);
    const suite = [...named('PostgreSQL', POSTGRES_FAULTS), ...named('DynamoDB', DYNAMO_FAULTS)];
    expect(STORE_FAULT_ORDER).toEqual(suite);
  });

  it('has a row for every fault of the suite, and no other', async () => {
    const suite = [...SERVER_FAULTS, ...TOPOLOGY_FAULTS].map(({ name }) => name);
    expect([...FAULT_ORDER].sort()).toEqual([...suite, 'Redis flaps (up 1 s, down 1 s)'].sort());
    expect(faultsIn(await readDocument())).toEqual([...FAULT_ORDER, ...STORE_FAULT_ORDER]);
  });
});
