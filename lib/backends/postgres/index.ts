export { postgresBackend, type PostgresBackendOptions, type PostgresConnection } from './postgres.backend.js';
export { postgresSchema, type PostgresSchemaOptions } from './schema.js';
export type { PostgresClient, PostgresPool, PostgresQuery } from './postgres-client.js';
export type { Backend } from '../../contracts/backend.js';
