import { describeFaults } from './describe-faults.js';
import { SERVER_FAULTS } from './faults.js';

describeFaults(SERVER_FAULTS);
