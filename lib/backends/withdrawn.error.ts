/** The caller gave up a call before it was sent. It does not count for the backend, and nobody waits for it. */
export class WithdrawnError extends Error {
  override readonly name = 'WithdrawnError';

  static of(reason: unknown): WithdrawnError {
    return new WithdrawnError('The call was given up before it was sent', { cause: reason });
  }
}
