export { dynamodbBackend, type DynamodbBackendOptions } from './dynamodb.backend.js';
export type { Backend } from '../../contracts/backend.js';
