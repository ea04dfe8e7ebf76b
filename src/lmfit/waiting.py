"""How the threads of OpenMP wait for each other; decided before torch is loaded."""

import os

SPINS = 10_000
SPINS_WHERE_BUSY = 2_000
BUSY_SHARE = 0.5


def wait_politely() -> None:
    """Let waiting threads sleep after a short while, sooner where other work keeps the cores busy.

    GNU OpenMP's own default spins about 30 times as long, which stops two threads nearly altogether as soon as another
    process needs one of their cores. A setting of the user's (GOMP_SPINCOUNT, OMP_WAIT_POLICY) stands.
    """
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return
    busy = os.getloadavg()[0] > BUSY_SHARE * (os.cpu_count() or 1)
    os.environ["GOMP_SPINCOUNT"] = str(SPINS_WHERE_BUSY if busy else SPINS)
