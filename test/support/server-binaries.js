import { postgresBinaries } from './postgres-binary.js';
import { redisServerBinary } from './redis-binary.js';

/** Jest's global setup: every test file finds the servers in `REDIS_SERVER_BIN` and `POSTGRES_BIN_DIR`. */
export default function setup() {
  try {
    process.env['REDIS_SERVER_BIN'] = redisServerBinary();
    process.env['POSTGRES_BIN_DIR'] = postgresBinaries();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
