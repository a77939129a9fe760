------------------------------ MODULE breaker ------------------------------
(* Permits with generations and leased probes of a circuit breaker.         *)
(*                                                                          *)
(* Callers take a permit before a call and settle it after the call, or     *)
(* never. Every transition starts a new generation. A permit keeps its age: *)
(* how many generations ago it was taken. Only permits of age 0 count.      *)
(* Time is a number of ticks; a timer holds the ticks that are left of it.  *)
EXTENDS Integers, FiniteSets

CONSTANTS
  Callers,            \* who makes calls; each has at most one permit
  PermittedProbes,    \* calls at a time while half-open
  SuccessThreshold,   \* successful probes that close the circuit
  FailureThreshold,   \* failures in a row that open it
  OpenTicks,          \* length of an open period
  LeaseTicks          \* how long a probe may take

VARIABLES
  state,      \* "closed", "open" or "half-open"
  failures,   \* in a row, while closed
  successes,  \* of probes, while half-open
  openLeft,   \* until the next probe is due, while open
  permit,     \* the permit of each caller
  wins,       \* only for the proof: probes of this half-open period that succeeded
  healthy     \* only for the proof: from now on every new call succeeds at once

breaker == <<state, failures, successes, openLeft>>
vars == <<state, failures, successes, openLeft, permit, wins, healthy>>

(* An age above 1 says no more than 1: the permit is out of date.           *)
NoPermit == [age |-> -1, lease |-> 0, fresh |-> FALSE]
Permits == [age : {0, 1}, lease : 0..LeaseTicks, fresh : BOOLEAN] \cup {NoPermit}
Older(p) == IF p.age = -1 THEN p ELSE [p EXCEPT !.age = 1, !.lease = 0]

Holds(c) == permit[c].age >= 0
IsCurrent(c) == permit[c].age = 0
IsProbe(c) == IsCurrent(c) /\ permit[c].lease > 0
Probes == {c \in Callers : IsProbe(c)}

Init ==
  /\ state = "closed" /\ failures = 0 /\ successes = 0 /\ openLeft = 0
  /\ permit = [c \in Callers |-> NoPermit]
  /\ wins = 0 /\ healthy = FALSE

(* A transition: a new generation, with counters and slots cleared.         *)
Enter(next, permits) ==
  /\ state' = next
  /\ failures' = 0 /\ successes' = 0 /\ wins' = 0
  /\ openLeft' = IF next = "open" THEN OpenTicks ELSE 0
  /\ permit' = [c \in Callers |-> Older(permits[c])]

Without(c) == [permit EXCEPT ![c] = NoPermit]
Keep == UNCHANGED <<failures, successes, openLeft, wins, state>>

(* ----------------------------- What callers do -------------------------- *)

Acquire(c) ==
  /\ ~Holds(c)
  /\ \/ /\ state = "closed"
        /\ permit' = [permit EXCEPT ![c] = [age |-> 0, lease |-> 0, fresh |-> healthy]]
        /\ Keep
     \/ /\ state = "open" /\ openLeft = 0
        /\ state' = "half-open"
        /\ failures' = 0 /\ successes' = 0 /\ wins' = 0 /\ openLeft' = 0
        /\ permit' = [d \in Callers |->
             IF d = c THEN [age |-> 0, lease |-> LeaseTicks, fresh |-> healthy] ELSE Older(permit[d])]
     \/ /\ state = "half-open" /\ Cardinality(Probes) < PermittedProbes
        /\ permit' = [permit EXCEPT ![c] = [age |-> 0, lease |-> LeaseTicks, fresh |-> healthy]]
        /\ Keep
  /\ UNCHANGED healthy

(* An outcome of an older generation.                                       *)
Late(c) ==
  /\ ~IsCurrent(c)
  /\ permit' = Without(c)
  /\ Keep

Succeed(c) ==
  /\ Holds(c)
  /\ \/ Late(c)
     \/ /\ IsCurrent(c) /\ state = "closed"
        /\ failures' = 0 /\ permit' = Without(c)
        /\ UNCHANGED <<state, successes, openLeft, wins>>
     \/ /\ IsCurrent(c) /\ state = "half-open" /\ successes + 1 < SuccessThreshold
        /\ successes' = successes + 1 /\ wins' = wins + 1 /\ permit' = Without(c)
        /\ UNCHANGED <<state, failures, openLeft>>
     \/ /\ IsCurrent(c) /\ state = "half-open" /\ successes + 1 >= SuccessThreshold
        /\ Enter("closed", Without(c))
  /\ UNCHANGED healthy

Fail(c) ==
  /\ Holds(c) /\ ~permit[c].fresh
  /\ \/ Late(c)
     \/ /\ IsCurrent(c) /\ state = "closed" /\ failures + 1 < FailureThreshold
        /\ failures' = failures + 1 /\ permit' = Without(c)
        /\ UNCHANGED <<state, successes, openLeft, wins>>
     \/ /\ IsCurrent(c)
        /\ state = "half-open" \/ (state = "closed" /\ failures + 1 >= FailureThreshold)
        /\ Enter("open", Without(c))
  /\ UNCHANGED healthy

(* The call was not made, or its caller gave it up: no verdict.             *)
Release(c) ==
  /\ Holds(c) /\ ~permit[c].fresh
  /\ permit' = Without(c) /\ Keep /\ UNCHANGED healthy

(* ------------------------------- What time does ------------------------- *)

(* A probe whose lease ends opens the circuit. Time stands still for calls  *)
(* that began after what is called had recovered: they answer at once.      *)
Tick ==
  /\ \A c \in Callers : Holds(c) => ~permit[c].fresh
  /\ IF \E c \in Probes : permit[c].lease = 1
       THEN Enter("open", permit)
       ELSE /\ openLeft' = IF openLeft > 0 THEN openLeft - 1 ELSE 0
            /\ permit' = [c \in Callers |->
                 IF IsProbe(c) THEN [permit[c] EXCEPT !.lease = @ - 1] ELSE permit[c]]
            /\ UNCHANGED <<state, failures, successes, wins>>
  /\ UNCHANGED healthy

(* What is called recovers for good.                                        *)
Recover == ~healthy /\ healthy' = TRUE /\ UNCHANGED <<breaker, permit, wins>>

Next ==
  \/ \E c \in Callers : Acquire(c) \/ Succeed(c) \/ Fail(c) \/ Release(c)
  \/ Tick
  \/ Recover

(* Time goes on, somebody calls, and calls to what is healthy succeed. Old  *)
(* calls may hang for ever, so one caller has to be free.                   *)
Fairness ==
  /\ WF_vars(Tick)
  /\ \A c \in Callers : WF_vars(Acquire(c)) /\ WF_vars(Succeed(c) /\ permit[c].fresh)

Spec == Init /\ [][Next]_vars /\ Fairness

(* ------------------------------ What must hold -------------------------- *)

(* No count is ever negative or past its threshold.                         *)
CountsInRange ==
  /\ state \in {"closed", "open", "half-open"}
  /\ failures \in 0..(FailureThreshold - 1)
  /\ successes \in 0..(SuccessThreshold - 1)
  /\ openLeft \in 0..OpenTicks
  /\ permit \in [Callers -> Permits]

ProbesAreBounded == Cardinality(Probes) <= PermittedProbes

(* Whoever may still speak for a half-open circuit has a lease.             *)
ProbesAreLeased == \A c \in Callers : IsCurrent(c) => (IsProbe(c) <=> state = "half-open")

LateOutcomesChangeNothing ==
  [][\A c \in Callers : Holds(c) /\ ~IsCurrent(c) /\ ~Holds(c)' => UNCHANGED breaker]_vars

(* An open circuit admits nobody before its time, and only a probe ends it. *)
OpenUntilDue == [][state = "open" /\ state' # "open" => openLeft = 0 /\ state' = "half-open"]_vars

ClosedByItsProbes ==
  [][state = "half-open" /\ state' = "closed" =>
       wins + 1 >= SuccessThreshold /\ \E c \in Probes : ~Holds(c)']_vars

(* Calls that hang for ever wedge nothing, as long as one caller is left.   *)
SomebodyCalls == \E c \in Callers : ~Holds(c) \/ permit[c].fresh
Recovers == (healthy /\ SomebodyCalls) ~> (state = "closed")

=============================================================================
