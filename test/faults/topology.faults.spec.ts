import { describeFaults } from './describe-faults.js';
import { TOPOLOGY_FAULTS } from './faults.js';

describeFaults(TOPOLOGY_FAULTS);
