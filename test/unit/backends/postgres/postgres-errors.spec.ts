import { NoConnectionError } from '../../../../lib/backends/postgres/patient-query.js';
import { translated } from '../../../../lib/backends/postgres/postgres-errors.js';
import { COUNTING } from '../../../../lib/backends/postgres/purpose.js';
import { tableNames } from '../../../../lib/backends/postgres/table-names.js';
import {
  BackendUnavailableError,
  DeadlineExceededError,
  RateLimitConfigurationError,
} from '../../../../lib/contracts/errors.js';

const NAMES = tableNames('test', 'limits', 'floodgate');

/** What pg makes of an error of the server. */
const state = (code: string): Error => Object.assign(new Error(`state ${code}`), { code, severity: 'ERROR' });
const system = (code: string): Error => Object.assign(new Error(code), { code });
const noConnection = (cause: unknown): Error => new NoConnectionError('none', { cause });

const told = (error: unknown): unknown => translated(error, 'postgres', NAMES, COUNTING);

describe('an error of a query', () => {
  it.each([
    '08006',
    '08P01',
    '28P01',
    '53100',
    '53200',
    '53300',
    '57014',
    '57P01',
    '57P03',
    '58030',
    '25006',
    '55P03',
    '40001',
    '40P01',
  ])('in state %s is an outage', (code) => {
    const error = state(code);
    expect(told(error)).toBeInstanceOf(BackendUnavailableError);
    expect(told(error)).toMatchObject({ backend: 'postgres', cause: error });
  });

  it.each(['42601', '42804', '22003', '22P02', '23505', '25001', 'XX000', '0A000', 'P0001'])(
    'in state %s is a mistake, told as it is',
    (code) => {
      const error = state(code);
      expect(told(error)).toBe(error);
    },
  );

  it.each(['42P01', '42883', '42703', '3F000'])('in state %s tells the command that sets the database up', (code) => {
    const error = told(state(code));
    expect(error).toBeInstanceOf(RateLimitConfigurationError);
    expect((error as Error).message).toContain("postgresSchema({ schema: 'limits', table: 'floodgate' })");
  });

  it('in state 42501 tells the GRANT', () => {
    expect(told(state('42501'))).toBeInstanceOf(RateLimitConfigurationError);
    expect((told(state('42501')) as Error).message).toContain('GRANT USAGE ON SCHEMA "limits"');
  });

  it.each([
    system('ECONNRESET'),
    system('EPIPE'),
    system('ERR_SSL_WRONG_VERSION_NUMBER'),
    new Error('Connection terminated unexpectedly'),
    new Error('Client has encountered a connection error and is not queryable'),
    new Error('Query read timeout'),
    DeadlineExceededError.of(250),
  ])('that says %s is an outage', (error) => {
    expect(told(error)).toBeInstanceOf(BackendUnavailableError);
  });

  it.each([new TypeError('x is not a function'), new Error('anything else'), 'a text', undefined])(
    'that is %s is told as it is',
    (error) => {
      expect(told(error)).toBe(error);
    },
  );
});

describe('what prevents a connection', () => {
  it.each([
    state('28P01'),
    state('3D000'),
    state('53300'),
    system('ECONNREFUSED'),
    system('ENOTFOUND'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Cannot use a pool after calling end on the pool'),
    new Error('The server does not support SSL connections'),
    'a text',
  ])('is an outage: %s', (cause) => {
    expect(told(noConnection(cause))).toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause: { cause } });
  });

  it.each([state('42704'), state('22023'), new TypeError('wrong'), new RangeError('port')])(
    'is a mistake of the options: %s',
    (cause) => {
      expect(told(noConnection(cause))).toBe(cause);
    },
  );

  it('is a missing privilege, which tells the GRANT', () => {
    expect((told(noConnection(state('42501'))) as Error).message).toContain('GRANT CONNECT ON DATABASE');
  });
});
