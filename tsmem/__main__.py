"""The entry point of the `tsmem` command and of `python -m tsmem`."""

from __future__ import annotations

import gc
import os
import sys
from signal import SIGINT


def run() -> None:
    # Loading modules makes no garbage worth collecting, and the collector takes 7 % of a start (measured). Opening the
    # store turns the collector on again.
    gc.disable()
    # The SDK loads numpy, whose OpenBLAS starts a thread for each core and raises SIGINT if it cannot: see
    # blas_thread_init in its driver/others/blas_server.c. tsmem does not calculate with numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from tsmem.cli.app.signals import STOP_SIGNALS

        STOP_SIGNALS.install()
        from tsmem.cli.app.main import main
        from tsmem.cli.io.streams import hold_closed_streams

        hold_closed_streams()

        code = main(sys.argv[1:])
        STOP_SIGNALS.uninstall()
    except KeyboardInterrupt as interrupt:  # before main handles it, or after main has ended
        from tsmem.cli.app.signals import STOP_SIGNALS

        STOP_SIGNALS.uninstall()
        code = 128 + getattr(interrupt, "number", SIGINT)
    from tsmem.cli.io.streams import settle

    for stream in (sys.stdout, sys.stderr):
        settle(stream)
    sys.exit(code)


if __name__ == "__main__":
    run()
