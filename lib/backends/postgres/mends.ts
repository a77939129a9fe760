import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { Purpose } from './purpose.js';
import type { TableNames } from './table-names.js';

/** What a role was about to do when it was refused. */
export type Attempt = 'connect' | 'migrate' | 'query';

/** A role lacks a privilege: says which GRANT gives it. */
export function missingPrivilege(
  { message }: Error,
  attempt: Attempt,
  names: TableNames,
  purpose: Purpose,
): RateLimitConfigurationError {
  return new RateLimitConfigurationError(purpose.caller, message, mendOf(attempt, names, purpose.grants(names)));
}

function mendOf(attempt: Attempt, names: TableNames, atRunTime: string): string {
  switch (attempt) {
    case 'connect':
      return 'Run as the owner of the database: GRANT CONNECT ON DATABASE <database> TO <role>;';
    case 'query':
      return `Run as the owner of the table: ${atRunTime}`;
    case 'migrate':
      return (
        'This role may not set up what is needed. Run as a role that may create tables: ' +
        `${setUpCommand(names)}, and then: ${atRunTime}`
      );
    default:
      return attempt satisfies never;
  }
}

/** The database was not set up, or by an older release: says the command that does it. */
export function missingSchema({ message }: Error, names: TableNames, { caller }: Purpose): RateLimitConfigurationError {
  const mend = `The database lacks what this release needs. Leave out migrate: false, or run: ${setUpCommand(names)}`;
  return new RateLimitConfigurationError(caller, message, mend);
}

function setUpCommand({ schema, table }: TableNames): string {
  const options = `{ schema: ${plain(schema)}, table: ${plain(table.slice(schema.length + 1))} }`;
  const source = `import('nestjs-floodgate/postgres').then((m) => console.log(m.postgresSchema(${options})))`;
  return `node -e "${source}" | psql <database>`;
}

/** A quoted identifier as a string of JavaScript. */
const plain = (identifier: string): string => `'${identifier.slice(1, -1).replaceAll('""', '"')}'`;
