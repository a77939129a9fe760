/** What other processes have to say of a circuit. A circuit without it stands alone. */
export interface CircuitPeers {
  /** Whether a peer's circuit is open, so that one failure opens this one. Asked after a failure only. */
  suspect(nowMs: number): boolean;
  /**
   * Whether this process may make a probe that is due. Never waits: the answer may be no until it is known.
   *
   * @param forMs how long the probe may take
   */
  mayProbe(nowMs: number, forMs: number): boolean;
}
