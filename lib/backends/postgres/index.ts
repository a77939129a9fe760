export { postgresBackend, type PostgresBackendOptions } from './postgres.backend.js';
export { postgresBreakerState, type PostgresBreakerStateOptions } from './postgres.breaker-state.js';
export type { PostgresConnection } from './postgres-connection.js';
export type { BreakerStateStore } from '../../contracts/breaker-state.js';
export { postgresSchema, type PostgresSchemaOptions } from './schema.js';
export type { PostgresClient, PostgresPool, PostgresQuery } from './postgres-client.js';
export type { Backend } from '../../contracts/backend.js';
