import { describeStoreFaults } from './describe-store-faults.js';
import { POSTGRES_FAULTS } from './postgres.faults.js';

describeStoreFaults('PostgreSQL', POSTGRES_FAULTS);
