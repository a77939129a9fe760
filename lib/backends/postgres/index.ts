export { postgresBackend, type PostgresBackendOptions } from './postgres.backend.js';
export { postgresBreakerState, type PostgresBreakerStateOptions } from './postgres.breaker-state.js';
export type { BreakerStateStore } from '../../contracts/breaker-state.js';
export { postgresSchema, type PostgresSchemaOptions } from './schema.js';
export type { PostgresClient, PostgresConnection, PostgresPool, PostgresQuery } from './postgres-client.js';
export { postgresPolicyStore, type PostgresPolicyStoreOptions } from './postgres.policy-store.js';
export type { PolicyStore } from '../../contracts/policy-store.js';
export type { Backend } from '../../contracts/backend.js';
