import { describeStoreFaults } from './describe-store-faults.js';
import { DYNAMO_FAULTS } from './dynamodb.faults.js';

describeStoreFaults('DynamoDB', DYNAMO_FAULTS);
