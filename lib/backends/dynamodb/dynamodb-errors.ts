import type { CancellationReason } from '@aws-sdk/client-dynamodb';
import { isUnanswered } from '../../contracts/error-like.js';
import { BackendUnavailableError, isUnavailable, RateLimitConfigurationError } from '../../contracts/errors.js';
import type { RawItem } from './subject-item.js';

/** Names of errors, and codes of cancelled transactions, that go away by themselves: worth another try. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottledException',
  'Throttling',
  'ThrottlingError',
  'RequestThrottled',
  'RequestThrottledException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'SlowDown',
  'TransactionConflictException',
  'TransactionConflict',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  'InternalServerError',
  'InternalFailure',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'RequestTimeout',
  'RequestTimeoutException',
  'IDPCommunicationError',
  // Of tables: one that is being created or changed, or too many at once.
  'ResourceInUseException',
  'LimitExceededException',
  // What the driver calls a connection that was reset or did not answer in time.
  'TimeoutError',
]);

/** Names of errors by which the service refuses who asks, or the driver has nobody to ask as. */
const REFUSED: ReadonlySet<string> = new Set([
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'MissingAuthenticationTokenException',
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'CredentialsProviderError',
  'TokenProviderError',
]);

/** Codes of sockets and name resolution: the service cannot be reached. */
const NETWORK = /^(ECONN|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|EPIPE|EADDRNOTAVAIL|EPROTO|ERR_(TLS|SSL|SOCKET|HTTP2)_)/;

interface ServiceError {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly CancellationReasons?: readonly CancellationReason[];
}

/** How the driver writes down an error of Node that is not of its own realm, as in a test runner: as text. */
const WRAPPED = /^AWS SDK error wrapper for (\w+): (.*)$/s;

/** By its shape: a test runner gives the errors of Node another `Error` than its own, and an SDK may be there twice. */
function asServiceError(error: unknown): ServiceError | undefined {
  const { name, message } = (error ?? {}) as Partial<ServiceError>;
  if (typeof name !== 'string' || typeof message !== 'string') return undefined;
  const [, wrappedName, text] = WRAPPED.exec(message) ?? [];
  if (wrappedName === undefined || text === undefined) return error as ServiceError;
  return { name: wrappedName, message: text, code: /\bE[A-Z_]{3,}\b/.exec(text)?.[0] };
}

/** Whether a write failed because the item is not as it was read. */
export const isConditionFailure = (error: unknown): error is { readonly Item?: RawItem } =>
  asServiceError(error)?.name === 'ConditionalCheckFailedException';

/** Whether a server does not know what it is asked for: an emulator. */
export const isUnknownOperation = (error: unknown): boolean =>
  asServiceError(error)?.name === 'UnknownOperationException';

/** Why each write of a cancelled transaction failed, in order; empty for any other error. */
export const cancellations = (error: unknown): readonly CancellationReason[] =>
  asServiceError(error)?.CancellationReasons ?? [];

/** Whether the same call may succeed a moment later. */
export function isTransient(error: unknown): boolean {
  const found = asServiceError(error);
  if (found === undefined) return false;
  if (found.name === 'TransactionCanceledException') {
    const codes = cancellations(error).map(({ Code = 'None' }) => Code);
    return codes.every((code) => code === 'None' || code === 'ConditionalCheckFailed' || TRANSIENT.has(code));
  }
  return TRANSIENT.has(found.name) || (found.$metadata?.httpStatusCode ?? 0) >= 500 || isNetworkError(found);
}

/** Whether an error says that DynamoDB cannot serve now, rather than that it was asked wrongly. */
export function isInfrastructureError(error: unknown): boolean {
  const found = asServiceError(error);
  return found !== undefined && (isUnanswered(found) || REFUSED.has(found.name) || isTransient(error));
}

const isNetworkError = ({ code }: ServiceError): boolean => typeof code === 'string' && NETWORK.test(code);

/** What the backend throws for an error of its driver: infrastructure as unavailable, mistakes with the mend. */
export function translated(error: unknown, backend: string, table: string): unknown {
  if (isUnavailable(error)) return error;
  if (isInfrastructureError(error)) return BackendUnavailableError.of({ backend, cause: error });
  const found = asServiceError(error);
  switch (found?.name) {
    case 'ResourceNotFoundException':
      return new RateLimitConfigurationError(
        'dynamodbBackend.table',
        table,
        `The table '${table}' does not exist in the client's account and region. Create it, or set createTable: true.`,
      );
    case 'AccessDeniedException':
      return new RateLimitConfigurationError(
        'dynamodbBackend.client',
        `${found.name}: ${found.message}`,
        `Allow the client's role dynamodb:GetItem and dynamodb:PutItem on the table '${table}', and with createTable: true also dynamodb:DescribeTable, dynamodb:CreateTable, dynamodb:DescribeTimeToLive and dynamodb:UpdateTimeToLive.`,
      );
    case 'ValidationException':
      return KEY_MISMATCH.test(found.message)
        ? new RateLimitConfigurationError(
            'dynamodbBackend.table',
            table,
            `Its only key must be the partition key 'subject' of type S. DynamoDB: ${found.message}`,
          )
        : error;
    default:
      return error;
  }
}

/** How DynamoDB says that a table has other keys than an item. */
const KEY_MISMATCH =
  /Missing the key|does not match the schema|Type mismatch for key|number of conditions on the keys/i;
