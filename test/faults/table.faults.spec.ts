import { FAULT_ORDER, faultsIn } from './fault-table.js';
import { SERVER_FAULTS, TOPOLOGY_FAULTS } from './faults.js';
import { readDocument } from './measurements.js';

describe('the table in the docs', () => {
  it('has a row for every fault of the suite, and no other', async () => {
    const suite = [...SERVER_FAULTS, ...TOPOLOGY_FAULTS].map(({ name }) => name);
    expect([...FAULT_ORDER].sort()).toEqual([...suite, 'Redis flaps (up 1 s, down 1 s)'].sort());
    expect(faultsIn(await readDocument())).toEqual(FAULT_ORDER);
  });
});
