"""The dead-man: a small process beside each run on real ports, which makes the pumps safe when the run cannot.

It is started by the run before any port is opened, holds one of the bench's two locks (:mod:`rig.record.lock`), has the
pumps' drivers loaded, and opens nothing while the run lives: ports are exclusive. The two talk through the guard's
standard input and output, a line of JSON each way:

=================================  =============================================================================
from the run                       what it means
=================================  =============================================================================
:class:`~rig.guard.orders.Orders`  the first line: bench, pumps, how long the run may be silent
``{"beat": n, "quiet_s": s}``      ten times a second; for how long the quietest procedure has shown nothing
``{"watch": true}``                pumps are about to be commanded: from now on silence is answered, and not only death
``{"run": folder}``                where the guard writes down what it did
``{"make_safe": [serials]}``       the run could not confirm these, and has let their ports go
``{"heard": reason}``              the answer to ``abort``
``{"end": true}``                  the run is over, all pumps are safe
=================================  =============================================================================

and back ``recovered``, ``ready`` or ``busy``; ``beat``, ``abort``, ``unsafe``, ``ended``. That a line ends without an
end being told is the death of who spoke on it.

A rehearsal inside one process has no guard: its pumps are part of the process, and end with it.
"""
