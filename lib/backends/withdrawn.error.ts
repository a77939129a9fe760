/** A call was given up by its caller before it was sent. No verdict on the backend, and nobody waits for it. */
export class WithdrawnError extends Error {
  override readonly name = 'WithdrawnError';

  static of(reason: unknown): WithdrawnError {
    return new WithdrawnError('The call was given up before it was sent', { cause: reason });
  }
}
