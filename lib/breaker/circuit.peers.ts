/** The reports of other processes about a circuit. Without them, the circuit works alone. */
export interface CircuitPeers {
  /**
   * Whether the circuit of another process is open, so that one failure opens this one. Called after a failure only.
   */
  suspect(nowMs: number): boolean;
  /**
   * Whether this process may make a probe that is due. Never waits: it returns false until the answer is known.
   *
   * @param forMs maximum duration of the probe
   */
  mayProbe(nowMs: number, forMs: number): boolean;
}
